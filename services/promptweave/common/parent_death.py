"""Killing a child process when its parent dies, however that happens."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Make the kernel kill this process when the process `parent` is gone (prctl(2), PR_SET_PDEATHSIG).

    Linux only; the setting survives exec. The kernel watches the parent's thread that started this process. Exits if the
    parent is already gone.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    # The parent may have died before the call of prctl.
    if os.getppid() != parent:
        sys.exit("the parent process exited")

"""Ends a child process together with its parent, however that dies."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Has the kernel kill this process when the parent, of that process id, is gone (prctl(2), PR_SET_PDEATHSIG).

    On Linux only; it outlives exec. The parent's thread that started this process counts as the parent. Exits if the parent
    is gone already.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    # It may have died before the kernel was told.
    if os.getppid() != parent:
        sys.exit("the parent went away")

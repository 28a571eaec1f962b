"""Limits on the cost of a template: time, memory, output. Templates are part of downloaded files, so they are untrusted.

There are two barriers. Inside the process, a timer of CPU time (`common/cpu_limit.py`) interrupts Python code wherever it
is, so an error can name the template's line, and `bound_memory` makes allocations fail. Outside, the parent process kills it
if even that does not help, as inside one long operation of C code (`service/worker_pool.py`).
"""

import sys

RENDER_S = 2.0
"""CPU seconds of one render."""

MEMORY_BYTES = 1 << 30
"""Address space of a process that renders, in bytes."""

MAX_PROMPT_CHARS = 16 * 1024 * 1024
"""Maximum length of a prompt that a template may generate, in characters."""


def bound_memory(limit: int = MEMORY_BYTES) -> None:
    """Make allocations of this process fail beyond the limit, if the operating system supports it."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

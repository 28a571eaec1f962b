"""Bounds on what a template may cost: time, memory, output. A template is part of a file that people download.

Two fences. Inside the process: a timer of CPU time (`common/cpu_limit.py`) interrupts Python code wherever it is, so an
error can name the template's line; `bound_memory` makes allocations fail. Outside: whoever runs the process kills it when
even that does not help, as inside one long operation of C code (`service/worker_pool.py`).
"""

import sys

RENDER_S = 2.0
"""CPU seconds of one render."""

MEMORY_BYTES = 1 << 30
"""Address space of a process that renders."""

MAX_PROMPT_CHARS = 16 * 1024 * 1024
"""The longest prompt that a template may write."""


def bound_memory(limit: int = MEMORY_BYTES) -> None:
    """Lets allocations of this process fail beyond the limit, where the system can do that."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

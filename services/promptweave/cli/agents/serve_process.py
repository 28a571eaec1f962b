"""`promptweave serve` as a child of `promptweave launch`: `python -m promptweave.cli.agents.serve_process PARENT ARGS...`.

On Linux it is killed when the process PARENT exits, however that happens; its services then stop by themselves.
"""

import sys

from promptweave.cli.main import main
from promptweave.common.parent_death import die_with

if __name__ == "__main__":
    die_with(int(sys.argv.pop(1)))
    main(sys.argv[1:])

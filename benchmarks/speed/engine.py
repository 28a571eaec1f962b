"""The engine's server by itself, as its own users start it: `python benchmarks/speed/engine.py MODEL ADDRESS SLOTS CONTEXT`.

ADDRESS is a socket's path ending in `.sock`, or a port.

Started as promptweave does, except for special tokens: if they were shown, the parser of its own chat endpoint would fail.
"""

import sys
import threading

from xllamacpp import CommonParams, Server


def main() -> None:
    """Run until killed."""
    model, address, slots, context = sys.argv[1:]
    params = CommonParams()
    params.model.path = model
    if address.endswith(".sock"):
        params.hostnames = [address]
    else:
        params.hostnames, params.port = ["127.0.0.1"], int(address)
    params.n_parallel = int(slots)
    params.n_ctx = int(slots) * int(context)
    params.n_threads_http = int(slots) + 8
    params.use_jinja = True
    params.ui = False
    server = Server(params)
    threading.Event().wait()
    del server


if __name__ == "__main__":
    main()

"""The engine renders, as an oracle: `python apply_template.py MODEL`, run as a separate process by `test_apply_template.py`.

A line of stdin holds a chat template and chat requests; the line of stdout that answers it what `/apply-template` made of
each (null: it refused), and the texts of BOS and EOS that the template was given.
"""

import json
import sys
import urllib.error
import urllib.request
from typing import Any

from xllamacpp import CommonParams, Server


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        params = CommonParams()
        params.model.path = sys.argv[1]
        params.chat_template = order["template"]
        params.use_jinja = True
        params.n_ctx = 64
        params.n_parallel = 1
        params.warmup = False
        params.ui = False
        params.port = 0
        server = Server(params)
        props = _post(server, "/props", None)
        answer = {
            "tokens": [props["bos_token"], props["eos_token"]],
            "prompts": [_prompt(server, body) for body in order["requests"]],
        }
        print(json.dumps(answer), flush=True)
        del server


def _prompt(server: Server, body: dict[str, Any]) -> str | None:
    try:
        return str(_post(server, "/apply-template", body)["prompt"])
    except urllib.error.HTTPError:
        return None


def _post(server: Server, path: str, body: dict[str, Any] | None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(server.listening_address + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


if __name__ == "__main__":
    main()

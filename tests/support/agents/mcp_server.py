"""An MCP server on stdin and stdout, with names that APIs of models reject: a dot, a slash, more than 64 characters."""

import json
import subprocess
import sys
from typing import Any

LONG = "workspace/files.write_the_given_text_into_the_file_at_the_given_path_and_create_it_if_needed"
TEXT = {"type": "string"}
TOOLS = {
    "shell.run": {"command": TEXT},
    "shell/run_again": {"command": TEXT},
    LONG: {"path": TEXT, "text": TEXT},
}


def _listed(name: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": TOOLS[name], "required": [*TOOLS[name]]}
    return {"name": name, "description": f"Calls {name}.", "inputSchema": schema}


def _call(name: str, arguments: dict[str, str]) -> dict[str, Any]:
    if name == LONG:
        with open(arguments["path"], "w") as file:
            file.write(arguments["text"])
        text = "written"
    else:
        done = subprocess.run(arguments["command"], shell=True, capture_output=True, text=True, check=False)
        text = done.stdout + done.stderr
    return {"content": [{"type": "text", "text": text}]}


def main() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        params = message.get("params") or {}
        match message.get("method"):
            case "initialize":
                server = {"name": "tools", "version": "1"}
                result: dict[str, Any] = {"capabilities": {"tools": {}}, "serverInfo": server}
                result["protocolVersion"] = params["protocolVersion"]
            case "tools/list":
                result = {"tools": [_listed(name) for name in TOOLS]}
            case "tools/call":
                result = _call(params["name"], params.get("arguments") or {})
            case _:
                result = {}
        if "id" in message:
            print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)


if __name__ == "__main__":
    main()

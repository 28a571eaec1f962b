"""Reads calls from free text, however they are written: what a model can do when nothing constrains it.

Found are JSON objects with a name and arguments under any of their usual keys, alone or in a list, `<function=NAME>` with
its parameters or JSON, and calls in the syntax of Python. Only names of offered functions count. Equal calls count once.
"""

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

from benchmarks.accuracy.bfcl import Call
from benchmarks.accuracy.tools import as_tool_name

_NAMES = ("name", "function", "tool", "tool_name", "function_name", "action")
_ARGUMENTS = ("arguments", "parameters", "args", "params", "input", "action_input", "function_args")
_FUNCTION_TAG = re.compile(r"<function=([^>\s]+)>(.*?)(?:</function>|\Z)", re.DOTALL)
_PARAMETER_TAG = re.compile(r"<parameter=([^>\s]+)>(.*?)</parameter>", re.DOTALL)
_DECODER = json.JSONDecoder()


def loose_calls(text: str, offered: set[str]) -> list[Call]:
    """Return the calls in a text. `offered` has the names without dots."""
    found = [
        Call(as_tool_name(name), json.dumps(arguments, default=str))
        for reader in (_tagged, _in_json, _in_python)
        for name, arguments in reader(text, offered)
        if as_tool_name(name) in offered
    ]
    return list(dict.fromkeys(found))


def _in_json(text: str, offered: set[str]) -> Iterator[tuple[str, Any]]:
    place = 0
    while (start := _next_json(text, place)) is not None:
        try:
            value, place = _DECODER.raw_decode(text, start)
        except ValueError:
            place = start + 1
            continue
        yield from _of_value(value, offered)


def _next_json(text: str, place: int) -> int | None:
    found = re.compile(r"[{\[]").search(text, place)
    return found.start() if found else None


def _of_value(value: Any, offered: set[str]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, list):
        for item in value:
            yield from _of_value(item, offered)
        return
    if not isinstance(value, dict):
        return
    name = next((value[key] for key in _NAMES if isinstance(value.get(key), str)), None)
    arguments = next((_as_object(value[key]) for key in _ARGUMENTS if key in value), None)
    if name is not None and arguments is not None:
        if not _is_definition(arguments):
            yield name, arguments
        return
    for key, inner in value.items():
        if as_tool_name(key) in offered and isinstance(inner, dict):
            yield key, inner
        else:
            yield from _of_value(inner, offered)


def _is_definition(arguments: dict[str, Any]) -> bool:
    """Return whether these are the parameters of a tool's definition, which models repeat from the prompt."""
    return arguments.get("type") in ("object", "dict") and isinstance(arguments.get("properties"), dict)


def _as_object(value: Any) -> Any:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    return value if isinstance(value, dict) else None


def _tagged(text: str, offered: set[str]) -> Iterator[tuple[str, Any]]:
    for name, inside in _FUNCTION_TAG.findall(text):
        whole = _as_object(inside.strip())
        yield name, whole if whole is not None else {key: _value(value) for key, value in _PARAMETER_TAG.findall(inside)}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.strip()


def _in_python(text: str, offered: set[str]) -> Iterator[tuple[str, Any]]:
    for match in re.finditer(r"[A-Za-z_][\w.]*\(", text):
        if as_tool_name(match[0][:-1]) not in offered:
            continue
        for end in (found.end() for found in re.finditer(r"\)", text[match.start() :])):
            try:
                call = ast.parse(text[match.start() :][:end], mode="eval").body
            except (SyntaxError, ValueError):
                continue
            if isinstance(call, ast.Call) and (arguments := _keywords(call)) is not None:
                yield match[0][:-1], arguments
            break


def _keywords(call: ast.Call) -> dict[str, Any] | None:
    if call.args:
        return None
    try:
        return {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg}
    except ValueError:
        return None

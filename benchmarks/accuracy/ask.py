"""Asks one question in one mode, and scores the answer."""

import time
from dataclasses import asdict, dataclass, field
from typing import Any

import httpx
import jsonschema
from benchmarks.accuracy.bfcl import Call, Checker, Question
from benchmarks.accuracy.causes import cause
from benchmarks.accuracy.loose import loose_calls
from benchmarks.accuracy.modes import MODES, PROMPTWEAVE, chat_body
from benchmarks.accuracy.tools import Json
from benchmarks.speed.sides import Side

Row = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What came back."""

    seconds: float
    calls: list[Call] = field(default_factory=list)
    content: str = ""
    finish_reason: str = ""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    tokens: int = 0
    warnings: list[str] = field(default_factory=list)
    error: str = ""
    choice: Json = field(default_factory=dict)
    """The response's choice, unless it is plain text."""


class Asker:
    """The running sides."""

    def __init__(self, sides: dict[str, Side], checker: Checker, max_tokens: int) -> None:
        self._sides = sides
        self._checker = checker
        self._max_tokens = max_tokens

    def ask(self, mode_name: str, question: Question) -> Row:
        """Return a row: the answer, with what is right and wrong about it."""
        reply = self._free(question) if MODES[mode_name].free else self._chat(mode_name, question)
        return {"mode": mode_name, **row(question, reply, self._checker)}

    def explained(self, mode_name: str, question: Question) -> list[Json] | str:
        """Return all tokens of promptweave's answer with the model's first choices; an error as text."""
        body = chat_body(MODES[mode_name], question, self._max_tokens)
        explain = {"explain": True, "logprobs": True, "top_logprobs": 1}
        reply = self._post(PROMPTWEAVE, "/v1/chat/completions", {**body, **explain}, _of_chat)
        return reply.error or list(reply.choice["tokens"])

    def _chat(self, mode_name: str, question: Question) -> Reply:
        mode = MODES[mode_name]
        return self._post(mode.side, "/v1/chat/completions", chat_body(mode, question, self._max_tokens), _of_chat)

    def _free(self, question: Question) -> Reply:
        body = chat_body(MODES["auto"], question, self._max_tokens)
        try:
            response = self._sides[PROMPTWEAVE].http.post("/apply-template", json=body)
            response.raise_for_status()
        except httpx.HTTPError as error:
            return Reply(0, error=f"{error!r}"[:300])
        plain = {"prompt": response.json()["prompt"], "temperature": 0, "seed": 1, "n_predict": self._max_tokens}
        return self._post(MODES["free"].side, "/completion", plain, lambda found: _of_text(found, question.offered))

    def _post(self, side: str, path: str, body: Json, read: Any) -> Reply:
        start = time.perf_counter()
        try:
            response = self._sides[side].http.post(path, json=body)
        except httpx.HTTPError as error:
            return Reply(time.perf_counter() - start, error=f"{error!r}"[:300])
        seconds = time.perf_counter() - start
        if not response.is_success:
            return Reply(seconds, error=f"{response.status_code}: {response.text[:300]}")
        return Reply(seconds, **read(response.json()))


def row(question: Question, reply: Reply, checker: Checker) -> Row:
    """Return what is saved of an answer."""
    found: Row = {"category": question.category, "id": question.id, "seconds": round(reply.seconds, 3)}
    found |= {"prompt_tokens": reply.prompt_tokens, "cached_tokens": reply.cached_tokens, "tokens": reply.tokens}
    if reply.error:
        return {**found, "right": False, "calls": [], "valid": True, "cause": "error", "error": reply.error}
    # Nothing is promised of a call that was cut.
    complete = reply.calls[:-1] if reply.finish_reason == "length" else reply.calls
    valid, verdict = schema_valid(question, complete), checker.verdict(question, reply.calls)
    found |= {"right": verdict.right, "calls": [asdict(call) for call in reply.calls], "valid": valid}
    found |= {"content": reply.content, "finish_reason": reply.finish_reason, "warnings": reply.warnings}
    if not verdict.right:
        why, differences = cause(question, reply.calls, reply.content, reply.finish_reason, valid)
        found |= {"cause": why, "differences": list(dict.fromkeys(map(str, differences)))}
        found |= {"checker": f"{verdict.kind}: {verdict.detail}"}
    return found


def scored_again(question: Question, found: Row, checker: Checker) -> Row:
    """Return a saved row with what this version says of the answer."""
    if "error" in found:
        return found
    calls = [Call(**call) for call in found["calls"]]
    if MODES[found["mode"]].free:
        calls = loose_calls(found["content"], question.offered)
    known = ("seconds", "content", "finish_reason", "prompt_tokens", "cached_tokens", "tokens", "warnings")
    reply = Reply(calls=calls, **{name: found[name] for name in known if name in found})
    rest = {name: value for name, value in found.items() if name not in ("cause", "differences", "checker")}
    return {**rest, **row(question, reply, checker)}


def schema_valid(question: Question, calls: list[Call]) -> bool:
    """Return whether every call has an offered name and arguments that its schema allows."""
    parameters = {tool["function"]["name"]: tool["function"]["parameters"] for tool in question.tools}
    return all(call.name in parameters and _allows(parameters[call.name], call) for call in calls)


def _allows(schema: Json, call: Call) -> bool:
    values = call.values()
    return isinstance(values, dict) and bool(jsonschema.Draft202012Validator(schema).is_valid(values))


def _of_chat(found: Json) -> Row:
    choice = found["choices"][0]
    message, usage = choice["message"], found["usage"]
    return {
        "calls": [Call(**call["function"]) for call in message.get("tool_calls") or []],
        "content": message.get("content") or "",
        "finish_reason": choice["finish_reason"],
        "prompt_tokens": usage["prompt_tokens"],
        "cached_tokens": (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0),
        "tokens": usage["completion_tokens"],
        "warnings": [one.get("code", "") for one in found.get("warnings") or []],
        "choice": choice,
    }


def _of_text(found: Json, offered: set[str]) -> Row:
    calls = loose_calls(found["content"], offered)
    cut = found.get("stop_type") == "limit"
    return {
        "calls": calls,
        "content": found["content"],
        "finish_reason": "length" if cut and not calls else "stop",
        "prompt_tokens": found["tokens_evaluated"],
        "cached_tokens": found.get("tokens_cached", 0),
        "tokens": found["tokens_predicted"],
    }

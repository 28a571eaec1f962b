"""Detects which conversations a template accepts, by rendering small ones in which every text is unique.

A template accepts a conversation if it does not raise and renders every text of it. An error and silently lost text are
treated alike: `messages/normalize.py` turns the conversation into one that is accepted.
"""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from promptweave.compiler.errors import TemplateError, TemplateLimitError
from promptweave.compiler.json_text import dumps
from promptweave.compiler.profile.capabilities import THOUGHT, AcceptedIds, SystemPlace, TemplateCapabilities
from promptweave.compiler.profile.image_syntax import picture_syntax
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.compiler.template.message_shapes import (
    CONTENT,
    TemplateMessage,
    in_parts,
    prints_parts,
    results_in_calls,
    with_reasoning,
)


def template_capabilities(template: ChatTemplate) -> TemplateCapabilities:
    """Return the capabilities of a template, cached by its text."""
    return _cached(template.source, template.bos_token, template.eos_token, tuple(sorted(template.named.items())))


@lru_cache(maxsize=64)
def _cached(source: str, bos: str, eos: str, named: tuple[tuple[str, str], ...]) -> TemplateCapabilities:
    return _Prober(ChatTemplate(source, bos, eos, dict(named))).capabilities()


_PROBE_IDS = {AcceptedIds.ANY: ("call_zqid0123456789abcdefgh", "call_zqid9876543210abcdefgh")}
_PROBE_IDS[AcceptedIds.NINE] = ("zqid00001", "zqid00002")
_PROBE_IDS[AcceptedIds.BY_NAME] = ("functions.zqname:0", "functions.zqother:1")

_REASONING_KEYS = ("reasoning_content", "reasoning", "thinking", "thought", CONTENT)

_NOW = datetime(2024, 7, 26, tzinfo=UTC)


def _turn(role: str, content: str) -> TemplateMessage:
    return {"role": role, "content": content}


_SYSTEM, _SYSTEM2 = _turn("system", "zqsystem"), _turn("system", "zqsystwo")
_USER, _USER2 = _turn("user", "zquser"), _turn("user", "zqusrtwo")
_ANSWER, _ANSWER2 = _turn("assistant", "zqanswer"), _turn("assistant", "zqanstwo")


class _Prober:
    """Renders one template with many conversations."""

    def __init__(self, template: ChatTemplate) -> None:
        self._template = template
        self._as_parts = False
        self._ids: Sequence[str] = _PROBE_IDS[AcceptedIds.ANY]
        self._as_object = True
        self._null = False
        self._in_call = False

    def capabilities(self) -> TemplateCapabilities:
        if not self._takes(_USER):
            self._as_parts = True
            self._as_parts = self._takes(_USER)
        calls, without, form = self._call_history()
        either = calls or without
        tools = calls
        self._in_call = either and self._knows_results_in_calls(tools=tools)
        call, result = self._call(0), self._result(0)
        parallel = self._calls(0, 1), result, self._result(1)
        beside = {**call, "content": "zqanswer"}
        key = next((key for key in _REASONING_KEYS if self._keeps_reasoning(key, call, result, either, tools)), None)
        both = with_reasoning(beside, key or "", "zqreason")
        return TemplateCapabilities(
            system=self._system(),
            system_only=self._takes(_SYSTEM),
            developer=self._knows("developer", _turn("developer", "zqsystem"), _USER),
            consecutive_users=self._takes(_USER, _USER2),
            consecutive_assistants=self._takes(_USER, _ANSWER, _ANSWER2, _USER2),
            assistant_first=self._takes(_ANSWER, _USER),
            calls=calls,
            calls_without_tools=without,
            supports_parallel_tool_calls=either and self._takes(_USER, *parallel, tools=tools),
            content_beside_calls=either and self._takes_beside(beside, result, tools=tools),
            content_before_calls=either and self._takes(_USER, _ANSWER, call, result, tools=tools),
            user_after_result=either and self._takes(_USER, call, result, _USER2, tools=tools),
            results_in_call=self._in_call,
            bridged=either and self._takes_bridged(call, result, tools=tools),
            ids_shown=either and (self._render([_USER, call, result], tools=tools) or "").count(self._ids[0]) > 1,
            ids=form,
            requires_object_arguments=self._as_object,
            requires_null_content=self._null,
            reasoning_key=key,
            thoughts_dropped=self._drops_thoughts(),
            reasoning_beside_content=either and key is not None and self._takes(_USER, both, result, tools=tools),
            requires_typed_content=self._as_parts,
            picture=picture_syntax(self._render_as_is, text_alone=not self._as_parts),
            tools_undescribed=self._render([_USER], tools=True, described=False) is not None,
            description_optional=self._takes_no_description(),
        )

    # -- questions --

    def _system(self) -> SystemPlace:
        if not self._takes(_SYSTEM, _USER):
            return SystemPlace.NOWHERE
        turns = (_SYSTEM, _USER, _ANSWER, _SYSTEM2, _USER2)
        shown = self._render(turns) or ""
        # Some templates move all system messages to the beginning.
        places = [shown.find(turn["content"]) for turn in turns]
        later = -1 not in places and places == sorted(places) and self._takes(_SYSTEM, _SYSTEM2, _USER)
        return SystemPlace.ANYWHERE if later else SystemPlace.FIRST

    def _knows(self, role: str, *turns: TemplateMessage, tools: bool = False) -> bool:
        """Return whether the role means more than any other word: a header that the model has never seen is useless."""
        if not self._takes(*turns, tools=tools):
            return False
        other = [{**turn, "role": "zqrole"} if turn["role"] == role else turn for turn in turns]
        shown, other_shown = self._render(turns, tools=tools), self._render(other, tools=tools)
        return other_shown is None or other_shown.replace("zqrole", role) != shown

    def _knows_results_in_calls(self, *, tools: bool) -> bool:
        call, result = self._call(0), self._result(0)
        inside = results_in_calls([call, result])
        shown = self._render([_USER, *inside], tools=tools) or ""
        return result["content"] in shown and not self._knows("tool", _USER, call, result, tools=tools)

    def _takes_beside(self, beside: TemplateMessage, result: TemplateMessage, *, tools: bool) -> bool:
        shown = self._render([_USER, beside, result], tools=tools) or ""
        order = [shown.find(text) for text in ("zqanswer", "zqname", result["content"])]
        return self._takes(_USER, beside, result, tools=tools) and order == sorted(order)

    def _call_history(self) -> tuple[bool, bool, AcceptedIds]:
        """Return whether calls and results are accepted, with tools and without, and the first id form that is."""
        for tools, form in itertools.product((True, False), _PROBE_IDS):
            self._ids = _PROBE_IDS[form]
            for shape in self._shapes(tools=tools):
                self._null, self._as_object = shape
                if self._takes_exchange(tools=tools):
                    return tools, self._takes_exchange(tools=False), form
        self._ids, self._null, self._as_object = _PROBE_IDS[AcceptedIds.ANY], False, True
        return False, False, AcceptedIds.ANY

    def _shapes(self, *, tools: bool) -> list[tuple[bool, bool]]:
        """Return the combinations of null content and object arguments, in the order in which to try them.

        An empty text beside calls comes first, unless null makes the turn shorter, because then it is not a separate turn.
        An object comes first, unless it is printed in Python's notation while text would be printed as JSON.
        """
        shown = {}
        for shape in itertools.product((False, True), (True, False)):
            self._null, self._as_object = shape
            text = self._render([_USER, self._call(0), self._result(0)], tools=tools) or ""
            if "zqvalue" in text:
                shown[shape] = text
        return sorted(shown, key=lambda shape: ("{'zqkey': " in shown[shape], not shape[1], len(shown[shape])))

    def _takes_exchange(self, *, tools: bool) -> bool:
        call, result = self._call(0), self._result(0)
        return self._takes(_USER, call, result, tools=tools) and (
            self._takes(_USER, call, result, _ANSWER, _USER2, tools=tools)
        )

    def _keeps_reasoning(self, key: str, call: TemplateMessage, result: TemplateMessage, calls: bool, tools: bool) -> bool:
        texts = ("zqreason", "zqname") if key == CONTENT else ("zqreason",)
        shown = self._render([_USER, with_reasoning(call, key, "zqreason"), result], tools=tools) if calls else None
        if shown and all(text in shown for text in texts) and not prints_parts(shown):
            return True
        shown = self._render([_USER, with_reasoning(_ANSWER, key, "zqreason")]) or ""
        return "zqreason" in shown and not prints_parts(shown)

    def _drops_thoughts(self) -> bool:
        begun = _turn("assistant", "zqreason".join(THOUGHT) + "zqanswer")
        shown = self._render([_USER, begun, _USER2]) or "zqreason"
        return "zqanswer" in shown and "zqreason" not in shown

    def _takes_bridged(self, call: TemplateMessage, result: TemplateMessage, *, tools: bool) -> bool:
        before = (_USER, _ANSWER, _turn("user", ""), call, result)
        return self._takes(*before, tools=tools) and (
            self._takes(_USER, call, result, _turn("assistant", ""), _USER2, tools=tools)
        )

    def _takes_no_description(self) -> bool:
        """Return whether a tool without a description is shown, with nothing invented in its place."""
        described, bare = _tool(described=True), _tool(described=True)
        described["function"]["description"] = ""
        del bare["function"]["description"]
        messages = [in_parts(_USER)] if self._as_parts else [_USER]
        empty, without = (self._render_as_is(messages, tools=[tool]) for tool in (described, bare))
        if empty is None or without is None:
            return False
        return all(without.lower().count(word) <= empty.lower().count(word) for word in ("none", "undefined", "null"))

    # -- renders --

    def _takes(self, *turns: TemplateMessage, tools: bool = False) -> bool:
        shown = self._render(turns, tools=tools)
        return shown is not None and all(text in shown for turn in turns for text in _texts(turn))

    def _render(self, turns: Sequence[TemplateMessage], *, tools: bool = False, described: bool = True) -> str | None:
        messages = results_in_calls(turns) if self._in_call else turns
        messages = [in_parts(turn) for turn in messages] if self._as_parts else messages
        return self._render_as_is(messages, tools=[_tool(described)] if tools else ())

    def _render_as_is(self, messages: Sequence[TemplateMessage], *, tools: Sequence[TemplateMessage] = ()) -> str | None:
        try:
            return self._template.render(messages, tools=tools, now=_NOW)
        except TemplateLimitError:
            raise
        except TemplateError:
            return None

    def _calls(self, *places: int) -> TemplateMessage:
        names = ("zqname", "zqother")
        arguments = ({"zqkey": "zqvalue"}, {"zqkey": "zqvaltwo"})
        written = [
            {
                "id": self._ids[place],
                "type": "function",
                "function": {
                    "name": names[place],
                    "arguments": arguments[place] if self._as_object else dumps(arguments[place]),
                },
            }
            for place in places
        ]
        return {"role": "assistant", "content": None if self._null else "", "tool_calls": written}

    def _call(self, place: int) -> TemplateMessage:
        return self._calls(place)

    def _result(self, place: int) -> TemplateMessage:
        # Differs from the call's name, so that a name rendered only with results does not count as the call's.
        return {"role": "tool", "tool_call_id": self._ids[place], "name": "zqanswered", "content": f"zqresult{place}"}


def _texts(turn: TemplateMessage) -> list[str]:
    """Return the texts that a render must contain. Reasoning is checked separately, but for `reasoning_beside_content`."""
    parts = in_parts(turn)["content"]
    found = [part["text"] if part["type"] == "text" else part["thinking"] for part in parts]
    found += [turn[key] for key in _REASONING_KEYS if key in turn and key != CONTENT]
    for call in turn.get("tool_calls", ()):
        arguments = call["function"]["arguments"]
        value = arguments["zqkey"] if isinstance(arguments, dict) else arguments.split('"')[3]
        found += [call["function"]["name"], value]
    return found


def _tool(described: bool) -> dict[str, Any]:
    if described:
        key = {"type": "string", "description": "zq"}
        parameters = {"type": "object", "properties": {"zqkey": key}, "required": ["zqkey"]}
    else:
        parameters = {"type": "object", "properties": {"zqkey": {"enum": ["a"]}, "zqany": {}}}
    # Differs from the names of the history's calls, so that one is not mistaken for the other.
    function = {"name": "zqtool", "description": "zq" if described else "", "parameters": parameters}
    return {"type": "function", "function": function}

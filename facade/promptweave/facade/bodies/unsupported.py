"""Fields of other APIs that have a meaning, but are not supported here: refused by name, wherever they occur.

Unknown fields are tolerated, as everywhere with OpenAI's clients; so are values that request only the default behavior.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from promptweave.facade.bodies.body import Body
from promptweave.facade.errors import UnsupportedError

NOTHING: Sequence[Any] = (False, [], {}, "")
"""Values that request nothing."""


@dataclass(frozen=True)
class UnsupportedParam:
    """A field. `path` uses OpenAI's notation, with `[]` for each item of a list. Null and `allowed` values pass."""

    path: str
    why: str
    allowed: Sequence[Any] = NOTHING

    @cached_property
    def steps(self) -> Sequence[str]:
        """Return the path's steps."""
        return self.path.replace("[]", ".[]").split(".")

    def takes(self, value: Any) -> bool:
        """Return whether the value passes. `0` is not `False`, and `1` is not `True`."""
        return value is None or any(type(value) is type(one) and value == one for one in self.allowed)


def refuse_unserved(body: Body | Mapping[str, Any], table: Sequence[UnsupportedParam]) -> None:
    """Raise UnsupportedError, with the position in the body, for the first of the fields that is present."""
    given = body.model_fields_set if isinstance(body, Body) else body.keys()
    for field in table:
        if field.steps[0] not in given:
            continue
        for place, value in _found(body, field.steps, ""):
            if not field.takes(value):
                raise UnsupportedError(f"{field.path.rpartition('.')[2]!r} is not served: {field.why}", path=place)


def _found(value: Any, steps: Sequence[str], place: str) -> Iterator[tuple[str, Any]]:
    """Yield the values that the steps lead to, with their positions as JSON pointers."""
    if not steps:
        yield place, value
        return
    step, *rest = steps
    if step == "[]":
        for number, item in enumerate(value if isinstance(value, list) else ()):
            yield from _found(item, rest, f"{place}/{number}")
    elif isinstance(value, Mapping):
        if step in value:
            yield from _found(value[step], rest, f"{place}/{step}")
    elif isinstance(value, Body):
        there = step in type(value).model_fields
        yield from _found(getattr(value, step) if there else (value.model_extra or {}).get(step), rest, f"{place}/{step}")


_ONE_TIER = UnsupportedParam("service_tier", "there is one tier, 'default'", ("auto", "default"))
_NO_PADDING = UnsupportedParam("stream_options.include_obfuscation", "streams are not padded")
_NO_MODERATION = UnsupportedParam("moderation", "nothing here judges texts")
_DIRECT = "calls are written by the model, and by no program"

_LLAMA_CPP: Sequence[UnsupportedParam] = (
    UnsupportedParam("cache_prompt", "prompts are always cached", (True,)),
    UnsupportedParam("n_predict", "OpenAI's name for it is max_completion_tokens", (-1,)),
    UnsupportedParam("n_probs", "OpenAI's name for it is top_logprobs", (0,)),
    UnsupportedParam("json_schema", "OpenAI's name for it is response_format"),
    UnsupportedParam("reasoning_budget_tokens", "its name here is thinking_budget_tokens", (-1,)),
    UnsupportedParam("id_slot", "the service chooses slots", (-1,)),
    UnsupportedParam("priority", "requests wait in turn", (0,)),
    *(UnsupportedParam(name, "the service decides", (-1,)) for name in ("t_max_predict_ms", "t_max_prompt_ms")),
    *(UnsupportedParam(name, "contexts are not shifted", (0,)) for name in ("n_keep", "n_discard")),
    *(UnsupportedParam(name, "the compiler decides") for name in ("grammar_lazy", "grammar_triggers", "preserved_tokens")),
    UnsupportedParam("n_indent", "of llama.cpp's own completions", (0,)),
    *(
        UnsupportedParam(name, "of llama.cpp's own completions")
        for name in ("ignore_eos", "post_sampling_probs", "return_tokens", "return_progress", "response_fields")
    ),
    UnsupportedParam("lora", "the service loads adapters"),
    UnsupportedParam("image_data", "pictures are parts of messages"),
)

CHAT: Sequence[UnsupportedParam] = (
    UnsupportedParam("audio", "only text is written"),
    UnsupportedParam("modalities", "only text is written", ([], ["text"])),
    UnsupportedParam("messages[].audio", "nothing spoken is kept: send what was said as the message's content"),
    UnsupportedParam("web_search_options", "nothing is looked up; give a tool that does"),
    _NO_MODERATION,
    _ONE_TIER,
    UnsupportedParam("verbosity", "how much to write is said in the messages; 'medium' is all there is", ("medium",)),
    _NO_PADDING,
    *_LLAMA_CPP,
)
"""For chat completions, and for everything that is translated into them."""

COMPLETIONS: Sequence[UnsupportedParam] = (
    UnsupportedParam("suffix", "nothing is filled in: what follows a prompt is written"),
    UnsupportedParam("grammar", "chat completions take one"),
    UnsupportedParam("response_format", "chat completions take one", ({}, {"type": "text"})),
    *(UnsupportedParam(name, "it belongs to chat completions", ([],)) for name in ("messages", "tools", "functions")),
    _NO_PADDING,
    *_LLAMA_CPP,
)

RESPONSES: Sequence[UnsupportedParam] = (
    UnsupportedParam("background", "an answer is written while its client waits for it"),
    UnsupportedParam("conversation", "go on with previous_response_id"),
    UnsupportedParam("prompt", "no prompts are kept"),
    UnsupportedParam("context_management", "a conversation that does not fit is refused"),
    _NO_MODERATION,
    _ONE_TIER,
    _NO_PADDING,
    UnsupportedParam("text.verbosity", "how much to write is said in the input; 'medium' is all there is", ("medium",)),
    UnsupportedParam("reasoning.context", "the chat template chooses what reasoning the model sees again", ("auto",)),
    UnsupportedParam("reasoning.mode", "a model thinks in one way", ("standard",)),
    UnsupportedParam("tools[].defer_loading", "the model sees all tools from the start"),
    UnsupportedParam("tools[].allowed_callers", _DIRECT, ([], ["direct"])),
    UnsupportedParam("input[].caller", _DIRECT, ({"type": "direct"},)),
    UnsupportedParam("input[].namespace", "tools have no namespaces"),
    UnsupportedParam("n", "a response is one answer", (1,)),
    *(
        UnsupportedParam(name, f"it belongs to chat completions; here it is {here!r}", ())
        for name, here in {
            "messages": "input",
            "functions": "tools",
            "function_call": "tool_choice",
            "max_tokens": "max_output_tokens",
            "max_completion_tokens": "max_output_tokens",
            "response_format": "text.format",
            "reasoning_effort": "reasoning.effort",
            "verbosity": "text.verbosity",
            "logprobs": "top_logprobs",
        }.items()
    ),
)
"""In addition to those of chat completions."""

MESSAGES: Sequence[UnsupportedParam] = (
    UnsupportedParam("container", "nothing is run here"),
    UnsupportedParam("mcp_servers", "the client calls tools"),
    UnsupportedParam("context_management", "a conversation that does not fit is refused"),
    UnsupportedParam("inference_geo", "answers are written where this runs"),
    UnsupportedParam("output_format", "its name here is output_config.format"),
    UnsupportedParam("service_tier", "there is one tier", ("auto", "standard_only")),
    UnsupportedParam("thinking.display", "what is thought is told", ("summarized",)),
    UnsupportedParam("tools[].defer_loading", "the model sees all tools from the start"),
    UnsupportedParam("tools[].allowed_callers", _DIRECT, ([], ["direct"])),
    UnsupportedParam("tools[].input_examples", "put them into the tool's description"),
    UnsupportedParam("messages[].content[].caller", _DIRECT, ({"type": "direct"},)),
    UnsupportedParam("messages[].content[].citations", "nothing is cited", ([], {"enabled": False})),
    *(
        UnsupportedParam(name, f"it belongs to chat completions; here it is {here!r}", ())
        for name, here in {
            "max_completion_tokens": "max_tokens",
            "stop": "stop_sequences",
            "thinking_budget_tokens": "thinking.budget_tokens",
            "response_format": "output_config.format",
            "reasoning_effort": "output_config.effort",
            "functions": "tools",
            "function_call": "tool_choice",
        }.items()
    ),
    UnsupportedParam("n", "a message is one answer", (1,)),
    *(UnsupportedParam(name, "chat completions take one") for name in ("grammar", "logprobs", "explain")),
    *_LLAMA_CPP,
)
"""Anthropic's, in addition to those of chat completions."""

EMBEDDINGS: Sequence[UnsupportedParam] = (UnsupportedParam("embd_normalize", "vectors have length 1", (2,)),)

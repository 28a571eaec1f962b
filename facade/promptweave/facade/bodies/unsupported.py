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
                raise UnsupportedError(f"{field.path.rpartition('.')[2]!r} is not supported: {field.why}", path=place)


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


_ONE_TIER = UnsupportedParam("service_tier", "the only service tier is 'default'", ("auto", "default"))
_NO_PADDING = UnsupportedParam("stream_options.include_obfuscation", "streams are not padded")
_NO_MODERATION = UnsupportedParam("moderation", "moderation is not available")
_DIRECT = "only the model calls tools, not code that it runs"

_LLAMA_CPP: Sequence[UnsupportedParam] = (
    UnsupportedParam("cache_prompt", "prompts are always cached", (True,)),
    UnsupportedParam("n_predict", "use max_completion_tokens instead", (-1,)),
    UnsupportedParam("n_probs", "use top_logprobs instead", (0,)),
    UnsupportedParam("json_schema", "use response_format instead"),
    UnsupportedParam("reasoning_budget_tokens", "use thinking_budget_tokens instead", (-1,)),
    UnsupportedParam("id_slot", "the service assigns slots", (-1,)),
    UnsupportedParam("priority", "requests are queued in order", (0,)),
    *(UnsupportedParam(name, "set by the service", (-1,)) for name in ("t_max_predict_ms", "t_max_prompt_ms")),
    *(UnsupportedParam(name, "context shifting is disabled", (0,)) for name in ("n_keep", "n_discard")),
    *(UnsupportedParam(name, "set by the compiler") for name in ("grammar_lazy", "grammar_triggers", "preserved_tokens")),
    UnsupportedParam("n_indent", "specific to llama.cpp's own completions API", (0,)),
    *(
        UnsupportedParam(name, "specific to llama.cpp's own completions API")
        for name in ("ignore_eos", "post_sampling_probs", "return_tokens", "return_progress", "response_fields")
    ),
    UnsupportedParam("lora", "LoRA adapters are loaded by the service"),
    UnsupportedParam("image_data", "send images as content parts of messages"),
)

CHAT: Sequence[UnsupportedParam] = (
    UnsupportedParam("audio", "only text output is available"),
    UnsupportedParam("modalities", "only text output is available", ([], ["text"])),
    UnsupportedParam("messages[].audio", "audio is not stored; send its transcript as the message's content"),
    UnsupportedParam("web_search_options", "there is no built-in web search; provide a search tool instead"),
    _NO_MODERATION,
    _ONE_TIER,
    UnsupportedParam("verbosity", "only 'medium' is available; request the length in the messages instead", ("medium",)),
    _NO_PADDING,
    *_LLAMA_CPP,
)
"""For chat completions, and for everything that is translated into them."""

COMPLETIONS: Sequence[UnsupportedParam] = (
    UnsupportedParam("suffix", "only text after the prompt is generated; there is no fill-in-the-middle"),
    UnsupportedParam("grammar", "use chat completions instead"),
    UnsupportedParam("response_format", "use chat completions instead", ({}, {"type": "text"})),
    *(UnsupportedParam(name, "only available in chat completions", ([],)) for name in ("messages", "tools", "functions")),
    _NO_PADDING,
    *_LLAMA_CPP,
)

RESPONSES: Sequence[UnsupportedParam] = (
    UnsupportedParam("background", "responses are only generated while the client is connected"),
    UnsupportedParam("conversation", "use previous_response_id to continue a conversation"),
    UnsupportedParam("prompt", "prompts are not stored; send instructions and input instead"),
    UnsupportedParam("context_management", "a conversation that exceeds the context is rejected"),
    _NO_MODERATION,
    _ONE_TIER,
    _NO_PADDING,
    UnsupportedParam("text.verbosity", "only 'medium' is available; request the length in the input instead", ("medium",)),
    UnsupportedParam("reasoning.context", "the chat template selects which earlier reasoning is in the prompt", ("auto",)),
    UnsupportedParam("reasoning.mode", "the only reasoning mode is 'standard'", ("standard",)),
    UnsupportedParam("tools[].defer_loading", "all tools are in the prompt from the start"),
    UnsupportedParam("tools[].allowed_callers", _DIRECT, ([], ["direct"])),
    UnsupportedParam("input[].caller", _DIRECT, ({"type": "direct"},)),
    UnsupportedParam("input[].namespace", "tool namespaces are not available"),
    UnsupportedParam("n", "a response contains a single answer", (1,)),
    *(
        UnsupportedParam(name, f"a chat completions field; use {here!r} instead", ())
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
    UnsupportedParam("container", "code is not executed"),
    UnsupportedParam("mcp_servers", "tools are called by the client"),
    UnsupportedParam("context_management", "a conversation that exceeds the context is rejected"),
    UnsupportedParam("inference_geo", "inference runs on this server only"),
    UnsupportedParam("output_format", "use output_config.format instead"),
    UnsupportedParam("service_tier", "there is a single service tier", ("auto", "standard_only")),
    UnsupportedParam("thinking.display", "reasoning is always returned", ("summarized",)),
    UnsupportedParam("tools[].defer_loading", "all tools are in the prompt from the start"),
    UnsupportedParam("tools[].allowed_callers", _DIRECT, ([], ["direct"])),
    UnsupportedParam("tools[].input_examples", "put examples in the tool's description"),
    UnsupportedParam("messages[].content[].caller", _DIRECT, ({"type": "direct"},)),
    UnsupportedParam("messages[].content[].citations", "citations are not available", ([], {"enabled": False})),
    *(
        UnsupportedParam(name, f"a chat completions field; use {here!r} instead", ())
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
    UnsupportedParam("n", "a message contains a single answer", (1,)),
    *(UnsupportedParam(name, "only available in chat completions") for name in ("grammar", "logprobs", "explain")),
    *_LLAMA_CPP,
)
"""Anthropic's, in addition to those of chat completions."""

EMBEDDINGS: Sequence[UnsupportedParam] = (
    UnsupportedParam("embd_normalize", "vectors are always normalized to length 1", (2,)),
)

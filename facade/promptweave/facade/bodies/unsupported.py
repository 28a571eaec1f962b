"""Fields of other APIs that have a meaning, and that nothing here can give it: refused by name, wherever they stand.

What nobody knows is tolerated, as everywhere with OpenAI's clients; so is what asks for nothing but what there is anyway.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from promptweave.facade.bodies.body import Body
from promptweave.facade.errors import UnsupportedError

NOTHING: Sequence[Any] = (False, [], {}, "")
"""The values that ask for nothing."""


@dataclass(frozen=True)
class Unserved:
    """A field. `path` is written as OpenAI writes places, with `[]` for each item of a list. Null and `taken` are taken."""

    path: str
    why: str
    taken: Sequence[Any] = NOTHING

    @cached_property
    def steps(self) -> Sequence[str]:
        """The path, step by step."""
        return self.path.replace("[]", ".[]").split(".")

    def takes(self, value: Any) -> bool:
        """Whether the value asks for what there is. `0` is not `False`, and `1` not `True`."""
        return value is None or any(type(value) is type(one) and value == one for one in self.taken)


def refuse_unserved(body: Body | Mapping[str, Any], table: Sequence[Unserved]) -> None:
    """Raises UnsupportedError, with the place in the body, for the first of the fields that is there."""
    given = body.model_fields_set if isinstance(body, Body) else body.keys()
    for field in table:
        if field.steps[0] not in given:
            continue
        for place, value in _found(body, field.steps, ""):
            if not field.takes(value):
                raise UnsupportedError(f"{field.path.rpartition('.')[2]!r} is not served: {field.why}", path=place)


def _found(value: Any, steps: Sequence[str], place: str) -> Iterator[tuple[str, Any]]:
    """The values that the steps lead to, with their places as JSON pointers."""
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


_ONE_TIER = Unserved("service_tier", "there is one tier, 'default'", ("auto", "default"))
_NO_PADDING = Unserved("stream_options.include_obfuscation", "streams are not padded")
_NO_MODERATION = Unserved("moderation", "nothing here judges texts")
_DIRECT = "calls are written by the model, and by no program"

_LLAMA_CPP: Sequence[Unserved] = (
    Unserved("cache_prompt", "prompts are always cached", (True,)),
    Unserved("n_predict", "OpenAI's name for it is max_completion_tokens", (-1,)),
    Unserved("n_probs", "OpenAI's name for it is top_logprobs", (0,)),
    Unserved("json_schema", "OpenAI's name for it is response_format"),
    Unserved("reasoning_budget_tokens", "its name here is thinking_budget_tokens", (-1,)),
    Unserved("id_slot", "the service chooses slots", (-1,)),
    Unserved("priority", "requests wait in turn", (0,)),
    *(Unserved(name, "the service decides", (-1,)) for name in ("t_max_predict_ms", "t_max_prompt_ms")),
    *(Unserved(name, "contexts are not shifted", (0,)) for name in ("n_keep", "n_discard")),
    *(Unserved(name, "the compiler decides") for name in ("grammar_lazy", "grammar_triggers", "preserved_tokens")),
    Unserved("n_indent", "of llama.cpp's own completions", (0,)),
    *(
        Unserved(name, "of llama.cpp's own completions")
        for name in ("ignore_eos", "post_sampling_probs", "return_tokens", "return_progress", "response_fields")
    ),
    Unserved("lora", "the service loads adapters"),
    Unserved("image_data", "pictures are parts of messages"),
)

CHAT: Sequence[Unserved] = (
    Unserved("audio", "only text is written"),
    Unserved("modalities", "only text is written", ([], ["text"])),
    Unserved("messages[].audio", "nothing spoken is kept: send what was said as the message's content"),
    Unserved("web_search_options", "nothing is looked up; give a tool that does"),
    _NO_MODERATION,
    _ONE_TIER,
    Unserved("verbosity", "how much to write is said in the messages; 'medium' is all there is", ("medium",)),
    _NO_PADDING,
    *_LLAMA_CPP,
)
"""Of chat completions, and of all that is put into their words."""

COMPLETIONS: Sequence[Unserved] = (
    Unserved("suffix", "nothing is filled in: what follows a prompt is written"),
    Unserved("grammar", "chat completions take one"),
    Unserved("response_format", "chat completions take one", ({}, {"type": "text"})),
    *(Unserved(name, "it belongs to chat completions", ([],)) for name in ("messages", "tools", "functions")),
    _NO_PADDING,
    *_LLAMA_CPP,
)

RESPONSES: Sequence[Unserved] = (
    Unserved("background", "an answer is written while its client waits for it"),
    Unserved("conversation", "go on with previous_response_id"),
    Unserved("prompt", "no prompts are kept"),
    Unserved("context_management", "a conversation that does not fit is refused"),
    _NO_MODERATION,
    _ONE_TIER,
    _NO_PADDING,
    Unserved("text.verbosity", "how much to write is said in the input; 'medium' is all there is", ("medium",)),
    Unserved("reasoning.context", "the chat template chooses what reasoning the model sees again", ("auto",)),
    Unserved("reasoning.mode", "a model thinks in one way", ("standard",)),
    Unserved("tools[].defer_loading", "the model sees all tools from the start"),
    Unserved("tools[].allowed_callers", _DIRECT, ([], ["direct"])),
    Unserved("input[].caller", _DIRECT, ({"type": "direct"},)),
    Unserved("input[].namespace", "tools have no namespaces"),
    Unserved("n", "a response is one answer", (1,)),
    *(
        Unserved(name, f"it belongs to chat completions; here it is {here!r}", ())
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
"""Besides those of chat completions."""

MESSAGES: Sequence[Unserved] = (
    Unserved("container", "nothing is run here"),
    Unserved("mcp_servers", "the client calls tools"),
    Unserved("context_management", "a conversation that does not fit is refused"),
    Unserved("inference_geo", "answers are written where this runs"),
    Unserved("output_format", "its name here is output_config.format"),
    Unserved("service_tier", "there is one tier", ("auto", "standard_only")),
    Unserved("thinking.display", "what is thought is told", ("summarized",)),
    Unserved("tools[].defer_loading", "the model sees all tools from the start"),
    Unserved("tools[].allowed_callers", _DIRECT, ([], ["direct"])),
    Unserved("tools[].input_examples", "put them into the tool's description"),
    Unserved("messages[].content[].caller", _DIRECT, ({"type": "direct"},)),
    Unserved("messages[].content[].citations", "nothing is cited", ([], {"enabled": False})),
    *(
        Unserved(name, f"it belongs to chat completions; here it is {here!r}", ())
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
    Unserved("n", "a message is one answer", (1,)),
    *(Unserved(name, "chat completions take one") for name in ("grammar", "logprobs", "explain")),
    *_LLAMA_CPP,
)
"""Anthropic's, besides those of chat completions."""

EMBEDDINGS: Sequence[Unserved] = (Unserved("embd_normalize", "vectors have length 1", (2,)),)

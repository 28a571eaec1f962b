"""Any transcript that an agent can hold compiles, whatever is wrong with it, and nothing of it is lost without a warning.

Random transcripts, as requests to each API, get faults: items that are missing, repeated or in another order, broken
arguments and ids, empty contents, unknown types, tools that are gone. Each is translated and compiled as by the services.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from promptweave.compiler.compile import Compiled, compile_prompt
from promptweave.compiler.errors import CompilerError
from promptweave.compiler.messages.content_check import turn_reasoning
from promptweave.compiler.request import ChatRequest
from promptweave.compiler.service.convert import chat_request_from_wire
from promptweave.compiler.template.chat_template import ChatTemplate
from promptweave.compiler.warnings import CompileWarning
from promptweave.facade.errors import RequestError, UnsupportedError
from promptweave.v1 import prompt_compiler_pb2
from tests.support.compiler.templates import CORPUS, TEMPLATES
from tests.support.facade.mutations import TYPE_ERRORS, JsonObject, items_key, mutated, simplest
from tests.support.facade.transcripts import (
    AS_REQUEST,
    transcript,
    with_other_words,
    without_words,
    words_in,
)
from tests.support.facade.translations import translate

SMALL = [ChatTemplate(path.read_text(), "<s>", "</s>") for path in sorted(TEMPLATES.glob("*.jinja"))]
NOW = datetime(2026, 11, 30, tzinfo=UTC)
CHANGED = {
    *("arguments_invalid", "arguments_repaired", "call_as_text", "calls_as_text", "calls_split", "content_moved"),
    *("conversation_as_text", "messages_merged", "result_unmatched", "style_fallback", "system_moved", "tool_duplicate"),
    "turn_added",
}
"""Codes of warnings about what is in the prompt, in another form. Other warnings are about what is not in it."""


def body_of(api: str, seed: int) -> JsonObject:
    """The request with this number."""
    random = Random(f"{api} {seed}")
    return mutated(AS_REQUEST[api](transcript(random), random), api, random)


@dataclass(frozen=True)
class Outcome:
    """How a request is treated: what is wrong with that, and the codes of the warnings."""

    faults: list[str]
    codes: Sequence[str] = ()


def outcome(api: str, body: JsonObject, template: ChatTemplate, *, structure: bool = True) -> Outcome:
    """Translate and compile a request, and judge the result. `structure`: compare it to one with other words."""
    try:
        translated = translate(api, body)
    except (RequestError, UnsupportedError) as error:
        return Outcome([f"refused by the facade at {error.path}: {error.message}"])
    lost = lost_by_the_facade(api, body, translated.compile_request, losses(translated.warnings))
    request = request_of(translated.compile_request)
    try:
        compiled = compile_prompt(request, template)
    except CompilerError as error:
        return Outcome([*lost, f"refused by the compiler at {error.path}: {error.message}"])
    except Exception as error:
        return Outcome([*lost, f"the compiler failed: {error!r}"])
    lost += lost_by_the_compiler(translated.compile_request, request, compiled)
    if structure:
        lost += other_structure(api, body, template, compiled)
    return Outcome(lost, [warning.code for warning in (*translated.warnings, *compiled.warnings)])


def faults(api: str, body: JsonObject, template: ChatTemplate) -> list[str]:
    """What is wrong with how a request is treated."""
    return outcome(api, body, template).faults


def losses(warnings: Sequence[CompileWarning] | Sequence[prompt_compiler_pb2.Warning]) -> list[str]:
    """The positions of what is not in the prompt."""
    return [warning.path for warning in warnings if warning.code not in CHANGED]


def request_of(wire: prompt_compiler_pb2.CompileRequest) -> ChatRequest:
    return replace(chat_request_from_wire(wire), now=NOW)


def lost_by_the_facade(
    api: str, body: JsonObject, wire: prompt_compiler_pb2.CompileRequest, warned: Sequence[str]
) -> list[str]:
    there = {word for word, _ in words_in(wire.SerializeToString().decode("latin-1"))}
    conversation = {key: body[key] for key in (items_key(api), "system", "tools") if key in body}
    lost = [pointer for word, pointer in words_in(conversation) if word not in there and not is_below(pointer, warned)]
    return [f"lost by the facade: {pointer}" for pointer in dict.fromkeys(lost)]


def lost_by_the_compiler(
    wire: prompt_compiler_pb2.CompileRequest, request: ChatRequest, compiled: Compiled
) -> Iterator[str]:
    there = {word for word, _ in words_in(compiled.prompt)}
    warned = losses(compiled.warnings)
    shown = next(turn_reasoning(request.messages), None)
    for word, pointer in words_in(MessageToDict(wire, preserving_proto_field_name=True)):
        if word in there or is_below(pointer, warned):
            continue
        old_reasoning = pointer.endswith("/reasoning_content") and (shown is None or pointer != shown.path)
        if not old_reasoning and not is_deferred(pointer, wire):
            yield f"lost by the compiler: {pointer}"
    images = [part.HasField("image") for message in wire.messages for part in message.content]
    if sum(segment.picture is not None for segment in compiled.segments) < sum(images):
        yield "an image was lost by the compiler"


def is_deferred(pointer: str, wire: prompt_compiler_pb2.CompileRequest) -> bool:
    """Whether the text is of a deferred tool that no message refers to."""
    match pointer.split("/")[1:]:
        case ["tools", place, *_]:
            tool = wire.tools[int(place)]
        case ["messages", message, "tools", place, *_]:
            tool = wire.messages[int(message)].tools[int(place)]
        case _:
            return False
    loaded = {part.tool_reference.name for message in wire.messages for part in message.content}
    return tool.defer_loading and (tool.function.name or tool.custom.name) not in loaded


def is_below(pointer: str, warned: Sequence[str]) -> bool:
    """Whether a warning is about the text at the position."""
    custom = pointer.replace("/custom/input", "/function/arguments").replace("/custom/name", "/function/name")
    return any(f"{custom}/".startswith(f"{path}/") for path in warned)


def other_structure(api: str, body: JsonObject, template: ChatTemplate, compiled: Compiled) -> Iterator[str]:
    """Yield a fault if the same conversation with other words has a prompt with other differences than those words."""
    wire = translate(api, with_other_words(body)).compile_request
    other = compile_prompt(request_of(wire), template)
    if without_words(other.prompt) != without_words(compiled.prompt):
        yield "with other words the prompt has another structure"
    if [(one.code, one.path) for one in other.warnings] != [(one.code, one.path) for one in compiled.warnings]:
        yield "with other words there are other warnings"


def check(api: str, seed: int, template: ChatTemplate) -> None:
    body = body_of(api, seed)
    if found := faults(api, body, template):
        smallest = simplest(
            body, lambda less: set(map(kind_of, faults(api, less, template))) & set(map(kind_of, found)) != set()
        )
        pytest.fail(f"{found}\nfor example: {smallest}\n{faults(api, smallest, template)}")


def kind_of(fault: str) -> str:
    """The fault without positions."""
    return "".join("" if part.isdigit() else part for part in fault.split("/"))


@pytest.mark.parametrize("api", AS_REQUEST)
@pytest.mark.parametrize("start", range(0, 100, 20))
def test_any_transcript_compiles(api: str, start: int) -> None:
    for seed in range(start, start + 20):
        check(api, seed, SMALL[seed % len(SMALL)])


@pytest.mark.parametrize("api", AS_REQUEST)
@pytest.mark.parametrize(("key", "value"), TYPE_ERRORS)
def test_true_type_errors_are_refused_at_their_position(api: str, key: str, value: Any) -> None:
    body = body_of(api, 3)
    items = body[items_key(api)]
    items.append({"role": "user", "content": "hi", key: value})
    with pytest.raises(RequestError) as raised:
        translate(api, body)
    assert raised.value.path == f"/{items_key(api)}/{len(items) - 1}/{key}"


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the corpus of chat templates is not at {CORPUS}")
def test_any_transcript_compiles_with_the_templates_of_the_corpus() -> None:
    """`TRANSCRIPTS=10000 pytest -m slow -s tests/facade/test_any_history.py`: the templates take turns."""
    templates = [(path.stem, ChatTemplate(path.read_text(), "<s>", "</s>")) for path in sorted(CORPUS.glob("*.jinja"))]
    number, start = int(os.environ.get("TRANSCRIPTS", "10000")), time.monotonic()
    kinds, codes, examples = Counter[str](), Counter[str](), dict[str, str]()
    for seed in range(number):
        for place, api in enumerate(AS_REQUEST):
            name, template = templates[(seed * len(AS_REQUEST) + place) % len(templates)]
            found = outcome(api, body_of(api, seed), template, structure=seed % 5 == 0)
            codes.update(set(found.codes))
            kinds.update(set(map(kind_of, found.faults)))
            for fault in found.faults:
                examples.setdefault(kind_of(fault), f"{api} {seed} {name}: {fault}")
        if seed % 500 == 499:
            print(f"{seed + 1} transcripts, {time.monotonic() - start:.0f} s, {kinds.total()} faults", flush=True)
    print(f"{number * len(AS_REQUEST)} requests; with a warning: {dict(codes.most_common())}")
    print(*examples.values(), sep="\n")
    assert not kinds, kinds

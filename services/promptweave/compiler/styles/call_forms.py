"""Other ways in which models begin calls than their template writes them in a history, as data.

Each is read only with the name of an offered tool, at the beginning of the answer or of a line.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from promptweave.compiler.markup import tags
from promptweave.compiler.styles.calls import CallableTool, CallSyntax, Slot
from promptweave.output.tree import (
    ChoiceNode,
    EmitNode,
    LiteralNode,
    NamedBranch,
    Node,
    Region,
    RegionNode,
    RepeatNode,
    SequenceNode,
    Wrapper,
)


@dataclass(frozen=True, slots=True)
class KnownText:
    """A text that models write around calls, and where that was seen. `closing`: what closes it."""

    text: str
    source: str
    closing: str = ""


_QWEN_CODER = "Qwen2.5-Coder: vllm-project/vllm issue 32926, ollama/ollama issue 12174; measured with its 0.5B weights"
_WANTED = "promptweave issue 19, which names it; no public report was found"
_LLAMA = "Llama 3.1, 3.2: meta-llama/llama-models, models/llama3_1/prompt_format.md, and issue 266"

WRAPPERS = (
    KnownText("```json\n", _QWEN_CODER, closing="```"),
    KnownText("```\n", _QWEN_CODER, closing="```"),
    KnownText("```tool_call\n", _WANTED, closing="```"),
    KnownText("<tool_call>", "Hermes 2 Pro, whose format many models know beside their own", closing="</tool_call>"),
    KnownText("<tools>", _QWEN_CODER, closing="</tools>"),
    KnownText("<|python_tag|>", _LLAMA),
)
"""What may stand before a call. A JSON list of calls may begin within each, or alone."""

OPENINGS = (
    KnownText('{ "name": "', "Hermes 2 Pro's calls without the tag; Llama 3.2: ollama/ollama issue 13519; " + _QWEN_CODER),
    KnownText('{ "type": "function", "name": "', _LLAMA),
    KnownText('{ "type": "function", "function": { "name": "', "OpenAI's API: tool_calls of a message"),
    KnownText('{ "type": "function", "function": "', _WANTED),
    KnownText('{ "function": "', _WANTED),
    KnownText("<function=", "Llama 3.1's calls of custom tools: prompt_format.md, as above; functionary v3.1"),
)
"""What stands before the name of a tool."""

MIDDLES = (
    KnownText('", "arguments":', "Hermes, OpenAI"),
    KnownText('", "parameters":', _LLAMA),
    KnownText(">", "after `<function=NAME`"),
)
"""What stands between the name of a tool and its arguments, which are JSON."""

ENDINGS = ("}", "</function>")
"""What closes arguments."""

SKIPPED = ("}", "]", ",", ";")
"""What may follow a call: closing brackets, and separators of calls (`;`: Llama 3.x, vllm's parser `llama3_json`)."""

TAGS = tuple(tag for form in WRAPPERS for tag in tags(form.text + form.closing))
"""The tags of wrappers, which may be special tokens of a model."""


def named_branch(
    syntax: CallSyntax, tools: Sequence[CallableTool], as_json: Sequence[CallableTool], *, parallel: bool, end: str = ""
) -> NamedBranch:
    """Return the branch of a text that begins calls in other ways than in `syntax`.

    `tools` are written in that syntax, `as_json` are the same with arguments that are JSON. `end`: the text that the
    template puts after content.
    """
    own = _Own.of(syntax)
    markers = [] if is_bare(syntax) else [_compact(marker) for marker in syntax.markers]

    def free(texts: Iterable[str]) -> list[str]:
        # A marker of the template's own syntax begins a call in that syntax, wherever it is.
        return [text for text in texts if not any(marker in _compact(text) for marker in markers)]

    openings = _distinct(free([*own.openings, *(form.text for form in OPENINGS)]))
    wrappers = [Wrapper(""), *(Wrapper(form.text + " ", form.closing if _is_fence(form) else "") for form in WRAPPERS)]
    wrappers += [replace(wrapper, text=wrapper.text + "[ ") for wrapper in wrappers]
    several = parallel and bool(syntax.between)
    skipped = [
        *SKIPPED,
        *(form.closing for form in WRAPPERS if not _is_fence(form)),
        *own.skipped,
        *([] if several else [end]),
    ]
    written = {tool.name: tool for tool in tools} if own.keyed else {}
    return NamedBranch(
        wrappers=tuple(each for each in wrappers if len(free(each.text + text for text in openings)) == len(openings)),
        openings=tuple(openings),
        middles=tuple(_distinct([*own.middles, *(form.text for form in MIDDLES)])),
        cases=tuple((tool.name, _case(tool, written.get(tool.name), own)) for tool in as_json),
        ending=SequenceNode((_WHITE, ChoiceNode(tuple(map(LiteralNode, _distinct([*own.endings, *ENDINGS])))))),
        skipped=tuple(
            text
            for text in _distinct(skipped)
            if text and not re.search(r"\s", text) and not any(marker.startswith(text) for marker in markers)
        ),
        resumes=several,
        anywhere=is_bare(syntax),
    )


def is_bare(syntax: CallSyntax) -> bool:
    """Return whether calls of a syntax are JSON from their first character on, so that only a name tells them apart."""
    begins = syntax.marker.startswith(("{", "[{")) and not syntax.tail and syntax.call[0] is Slot.NAME
    return begins and syntax.arguments is None and not syntax.lead and _middle(syntax) is not None


@dataclass(frozen=True, slots=True)
class _Own:
    """The template's own syntax without the tag that it begins with and the one that closes it, as far as it has both."""

    openings: tuple[str, ...] = ()
    middles: tuple[str, ...] = ()
    endings: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    keyed: bool = False
    white: bool = False
    """White space precedes arguments written key by key."""

    @classmethod
    def of(cls, syntax: CallSyntax) -> "_Own":
        middle = _middle(syntax)
        if middle is None:
            return cls()
        if is_bare(syntax):
            return cls((_loose_json(syntax.marker),), (_loose_json(middle),))
        tail, closing, tag = syntax.tail.strip(), syntax.closing.rstrip(), _LAST_TAG.search(syntax.closing.rstrip())
        if not (
            tail.startswith("<")
            and middle.strip()
            and tag
            and closing[: tag.start()].strip()
            and syntax.call[0] is Slot.NAME
        ):
            return cls()
        white = middle != middle.rstrip()
        ending = closing[: tag.start()].strip()
        keyed = syntax.arguments is not None
        return cls((_loose(tail),), (_loose(middle).rstrip(),), (ending,), (tag.group(),), keyed, white)


_LAST_TAG = re.compile(r"<[^<>]+>\Z")


def _middle(syntax: CallSyntax) -> str | None:
    """Return the text between name and arguments, if that is all that a call consists of."""
    if syntax.call[-1] is not Slot.ARGUMENTS or any(piece in (Slot.ID, Slot.INDEX) for piece in syntax.call):
        return None
    return syntax.middle if syntax.call.count(Slot.NAME) == 1 else None


def _case(tool: CallableTool, written: CallableTool | None, own: _Own) -> Node:
    """Return the tree of a call after the text that follows its name."""
    arguments: Node = SequenceNode((_WHITE, tool.arguments_node()))
    if written is not None:
        # White space is part of how arguments begin that are written key by key.
        keyed = written.arguments_node()
        json = tuple(
            SequenceNode((LiteralNode(white), tool.arguments_node())) for white in ("", " ", "\n", "\n  ", "\n    ")
        )
        arguments = ChoiceNode((*json, SequenceNode((_WHITE, keyed)) if own.white else keyed))
    return RegionNode(Region.TOOL_CALL, SequenceNode((tool.named(EmitNode(tool.name)), arguments)))


_WHITE = RepeatNode(ChoiceNode(tuple(map(LiteralNode, " \n\t\r"))), max=20)
"""White space, as much as an indentation needs: a model that repeats itself cannot go on with it forever."""


def _is_fence(form: KnownText) -> bool:
    return form.text.endswith("\n")


def _loose(text: str) -> str:
    """Return a text in which a space stands for any white space."""
    return re.sub(r"\s+", " ", text)


def _loose_json(text: str) -> str:
    """Return a piece of JSON in which white space is free after each of its marks."""
    return re.sub(r"([{\[,:])", r"\1 ", _compact(text)).strip()


def _compact(text: str) -> str:
    return "".join(text.split())


def _distinct(texts: Iterable[str]) -> list[str]:
    """Return the texts that differ in more than white space."""
    found: dict[str, str] = {}
    for text in texts:
        found.setdefault(_compact(text), text)
    return [*found.values()]

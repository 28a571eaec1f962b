"""What models were trained to write where their templates show less: data, each entry with its source.

A template writes the history in one form; its model was trained on a format that has more. An entry applies to every
template whose own syntax, as derived, is the entry's: no template or model is named. It is verified like a derived syntax:
what the template itself writes must be read back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from promptweave.compiler.json_text import loads
from promptweave.compiler.profile.reasoning_syntax import FIELDS, ReasoningSyntax
from promptweave.compiler.styles.answer import AnswerSyntax
from promptweave.compiler.styles.calls import CallableTool
from promptweave.compiler.styles.message_forms import CallForm, MessageForms, MessageParts, messages_node
from promptweave.output.message import ParsedMessage
from promptweave.output.parse.parser import OutputParser
from promptweave.output.tree import Syntax


@dataclass(frozen=True, slots=True)
class TrainedFormat:
    """A format that models were trained on. `source`: where it is documented."""

    forms: MessageForms
    source: str

    @property
    def reasoning(self) -> ReasoningSyntax:
        """Return how the first reasoning of an answer is written."""
        return ReasoningSyntax(self.forms.reasoning, self.forms.end + self.forms.start)


_JSON = ("", " json", " <|constrain|>json", "<|constrain|>json", " code", " <|constrain|>code", "<|constrain|>code")
"""How the content type of a call is written, if it is: with a token of its own, or as a word."""
_CHANNELS = ("<|channel|>commentary", "<|channel|>analysis")
"""The channels of calls. `commentary` is that of functions; calls of functions in `analysis` were seen as well."""

TRAINED_FORMATS = (
    TrainedFormat(
        forms=MessageForms(
            reasoning="<|channel|>analysis<|message|>",
            preamble="<|channel|>commentary<|message|>",
            content=tuple(f"<|channel|>final{kind}<|message|>" for kind in _JSON[:4]),
            calls=(
                CallForm(
                    (" to=functions.",), tuple(f"{channel}{kind}<|message|>" for channel in _CHANNELS for kind in _JSON)
                ),
                CallForm(
                    tuple(f"{channel} to=functions." for channel in _CHANNELS), tuple(f"{kind}<|message|>" for kind in _JSON)
                ),
            ),
            end="<|end|>",
            start="<|start|>assistant",
        ),
        # Its sections "Receiving tool calls" and "Preambles", and the renderer of openai-harmony 0.0.8. Calls in `analysis`,
        # and content types of the final message: llama.cpp's `common/chat.cpp`.
        source="https://github.com/openai/harmony/blob/main/docs/format.md",
    ),
)

RenderedBody = Callable[[dict[str, Any]], str | None]
"""Returns what a template writes for a message with tools, from its start to its end; None if it cannot."""


def trained_format(head: str, answer: AnswerSyntax, reasoning: ReasoningSyntax | None) -> TrainedFormat | None:
    """Return the format that the model of a template with this syntax was trained on, if there is an entry for it."""
    for entry in TRAINED_FORMATS:
        forms = entry.forms
        same = reasoning in (None, entry.reasoning)
        if head.endswith(forms.start) and answer.header in forms.content and same:
            return entry
    return None


def reads_back(forms: MessageForms, body: RenderedBody, call: dict[str, Any]) -> bool:
    """Return whether the forms read what the template writes: content, and a call of `zqtool` with and without reasoning."""
    tree = messages_node(forms, MessageParts((CallableTool("zqtool"),), reasoning=True))
    said = {"role": "assistant", "content": "zqcontent"}
    thoughtful = next((text for field in FIELDS if "zqreason" in (text := body({**call, field: "zqreason"}) or "")), None)
    for written, wanted in (
        (body(said), ("zqcontent", "", 0)),
        (body(call), (None, "", 1)),
        (thoughtful, (None, "zqreason", 1)),
    ):
        if written is None:
            continue
        parser, message = OutputParser(Syntax(tree)), ParsedMessage()
        message.extend([*parser.start(), *parser.feed(written), *parser.finish()])
        found = (message.content, message.reasoning_content or "", len(message.tool_calls))
        if (
            not parser.complete
            or found != wanted
            or any(loads(one.arguments) != {"zqkey": "zqvalue"} for one in message.tool_calls)
        ):
            return False
    return True

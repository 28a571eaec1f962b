"""The conversations that a chat template accepts: detected by `probe_capabilities.py`, used by `messages/normalize.py`."""

from dataclasses import dataclass
from enum import Enum, auto

from promptweave.compiler.profile.image_syntax import PictureSyntax

THOUGHT = ("<think>", "</think>")
"""The tags in which clients without reasoning support send reasoning back as content."""


class SystemPlace(Enum):
    """Where a template accepts system messages."""

    ANYWHERE = auto()
    FIRST = auto()  # one, before everything else
    NOWHERE = auto()


class AcceptedIds(Enum):
    """The call ids that a template accepts."""

    ANY = auto()
    NINE = auto()  # exactly nine letters and digits
    BY_NAME = auto()  # it writes the id instead of the name: `functions.NAME:NUMBER`


@dataclass(frozen=True, slots=True)
class TextBeforeCalls:
    """Where the text beside calls belongs, if the template has no place for it: `before` text `after`, then the calls.

    `opening`: the text between that and the name of the first call.
    """

    opening: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class TemplateCapabilities:
    """What a template accepts in the history; what it does with a request's tools is part of the profile."""

    system: SystemPlace = SystemPlace.ANYWHERE
    system_only: bool = True
    """A conversation with only a system message."""
    developer: bool = False
    """It supports the role `developer`, beyond printing the name of any role that it is given."""
    consecutive_users: bool = True
    consecutive_assistants: bool = True
    assistant_first: bool = True
    """The assistant may begin the conversation."""
    calls: bool = True
    """Calls with their results, in a request with tools."""
    calls_without_tools: bool = True
    """The same in a request without tools."""
    supports_parallel_tool_calls: bool = True
    """Two calls in one turn, followed by their results."""
    content_beside_calls: bool = True
    """Text in a turn of calls, written before them."""
    text_before_calls: TextBeforeCalls | None = None
    """The place of such text if the template does not write it there, and cannot write it in a turn of its own either."""
    content_before_calls: bool = True
    """An assistant turn of text before one of calls."""
    user_after_result: bool = True
    bridged: bool = True
    """If one of the last two is not accepted, it is with an empty turn of the other speaker in between."""
    results_after_text: bool = False
    """Results may follow an assistant turn whose calls are text."""
    results_in_call: bool = False
    """Results are passed as `tool_responses` of the calling message, and rendered there; the role `tool` is unknown."""
    ids_shown: bool = False
    """Results include the id of their call."""
    ids: AcceptedIds = AcceptedIds.ANY
    requires_object_arguments: bool = True
    requires_null_content: bool = False
    """Without text beside calls, content must be null: an empty text hides the calls, or becomes a separate turn."""
    reasoning_key: str | None = None
    """The message field from which it reads reasoning; None if it renders no reasoning of history, deliberately or not.

    `content`: it reads it from a part of the content.
    """
    thoughts_dropped: bool = False
    """It drops `<think>...</think>` from the beginning of older contents, since models are trained to forget it."""
    reasoning_beside_content: bool = True
    """Both reasoning and text beside calls, in one turn."""
    requires_typed_content: bool = False
    """Content must be a list of parts, not text."""
    picture: PictureSyntax | None = None
    """How it accepts images in user turns. None: it does not, and they appear as text."""
    tools_undescribed: bool = True
    """Tools and arguments without description or type."""
    description_optional: bool = True
    """Tools without the field `description`; otherwise it must be there, empty."""

    def notes(self) -> tuple[str, ...]:
        """Return what the template does not accept, as readable notes."""
        found = {
            "system messages after the first message": self.system is SystemPlace.FIRST,
            "system messages": self.system is SystemPlace.NOWHERE,
            "a system message without others": not self.system_only and self.system is not SystemPlace.NOWHERE,
            "two user messages in a row": not self.consecutive_users,
            "two assistant messages in a row": not self.consecutive_assistants,
            "conversations that begin with an assistant message": not self.assistant_first,
            "tool calls and results": not self.calls,
            "tool calls and results in requests without tools": self.calls and not self.calls_without_tools,
            "two calls in one turn": self.calls and not self.supports_parallel_tool_calls,
            "text next to calls": self.calls and not self.content_beside_calls,
            "a user message directly after a tool result": self.calls and not self.user_after_result,
            "call ids other than nine letters and digits": self.ids is AcceptedIds.NINE,
            "call ids other than `functions.NAME:NUMBER`": self.ids is AcceptedIds.BY_NAME,
            "arguments as an object": not self.requires_object_arguments,
            "empty text next to calls": self.requires_null_content,
            "tools without descriptions": not self.tools_undescribed,
        }
        return tuple(f"history: the template does not support {what}" for what, true in found.items() if true)

"""What conversations a chat template takes: `probe_capabilities.py` probes it, `messages/normalize.py` adapts others."""

from dataclasses import dataclass
from enum import Enum, auto

from promptweave.compiler.profile.image_syntax import PictureSyntax

THOUGHT = ("<think>", "</think>")
"""What clients that know nothing of reasoning send back as content."""


class SystemPlace(Enum):
    """Where a template takes system messages."""

    ANYWHERE = auto()
    FIRST = auto()  # one, before everything else
    NOWHERE = auto()


class IdForm(Enum):
    """The ids of calls that a template takes."""

    ANY = auto()
    NINE = auto()  # exactly nine letters and digits
    BY_NAME = auto()  # it writes the id in the name's place: `functions.NAME:NUMBER`


@dataclass(frozen=True, slots=True)
class TemplateCapabilities:
    """What a template takes. Each of these is about history: what it does with a request's tools is the profile's."""

    system: SystemPlace = SystemPlace.ANYWHERE
    system_only: bool = True
    """A conversation of a system message alone."""
    developer: bool = False
    """It knows the role `developer`: it does more than to write the name of whatever role it is given."""
    consecutive_users: bool = True
    consecutive_assistants: bool = True
    assistant_first: bool = True
    """The assistant may begin the conversation."""
    calls: bool = True
    """Calls with their results, in a request with tools."""
    calls_without_tools: bool = True
    """The same in a request without tools."""
    supports_parallel_tool_calls: bool = True
    """Two calls in one turn, and their results one after the other."""
    content_beside_calls: bool = True
    """Text in a turn of calls, written before them."""
    content_before_calls: bool = True
    """An assistant turn of text before one of calls."""
    user_after_result: bool = True
    bridged: bool = True
    """Where one of the last two is not taken: with an empty turn of the other speaker between, it is."""
    results_after_text: bool = False
    """Results may follow an assistant turn in which calls stand as text."""
    results_in_call: bool = False
    """Results are given as `tool_responses` of the message that calls: it knows no role `tool`, and writes them there."""
    ids_shown: bool = False
    """Results show the id of their call."""
    ids: IdForm = IdForm.ANY
    requires_object_arguments: bool = True
    requires_null_content: bool = False
    """Where nothing is said beside calls, content is null: an empty text hides the calls, or becomes a turn of its own."""
    reasoning_key: str | None = None
    """The name by which it takes reasoning; None: it writes none of history, on purpose or not."""
    thoughts_dropped: bool = False
    """It drops `<think>...</think>` from the beginning of older contents, as models are taught to forget it."""
    reasoning_beside_content: bool = True
    """Reasoning and text beside calls, both in one turn."""
    requires_typed_content: bool = False
    """Only a list of parts is taken as content, no text."""
    picture: PictureSyntax | None = None
    """How it takes pictures in the user's turns. None: it does not, and they stand in the text."""
    tools_undescribed: bool = True
    """Tools and arguments without description or type."""

    def notes(self) -> tuple[str, ...]:
        """What the template does not take, for a person."""
        found = {
            "system messages after the first": self.system is SystemPlace.FIRST,
            "system messages": self.system is SystemPlace.NOWHERE,
            "a system message alone": not self.system_only and self.system is not SystemPlace.NOWHERE,
            "two user messages in a row": not self.consecutive_users,
            "two assistant messages in a row": not self.consecutive_assistants,
            "conversations that the assistant begins": not self.assistant_first,
            "calls and results of history": not self.calls,
            "calls and results of history in requests without tools": self.calls and not self.calls_without_tools,
            "two calls in a turn": self.calls and not self.supports_parallel_tool_calls,
            "text beside calls": self.calls and not self.content_beside_calls,
            "a user message right after a result": self.calls and not self.user_after_result,
            "ids of calls other than nine letters and digits": self.ids is IdForm.NINE,
            "ids of calls other than `functions.NAME:NUMBER`": self.ids is IdForm.BY_NAME,
            "arguments as an object": not self.requires_object_arguments,
            "an empty text beside calls": self.requires_null_content,
            "tools without descriptions": not self.tools_undescribed,
        }
        return tuple(f"history: the template does not take {what}" for what, true in found.items() if true)

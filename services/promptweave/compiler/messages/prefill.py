"""Going on from the last message (prefill): what a template writes after the content of an assistant's turn is cut off.

A word of one kind is put at the end of the content, and the prompt ends where that word stands in the render.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from promptweave.compiler.errors import RequestError, TemplateError, UnsupportedError
from promptweave.compiler.request import ChatRequest, Message, Role


def check_continuation(request: ChatRequest) -> None:
    """Raises for a request whose answer cannot go on from its last message."""
    last, path = request.messages[-1], f"/messages/{len(request.messages) - 1}"
    if last.role is not Role.ASSISTANT:
        raise RequestError("only a message of the assistant can be continued, and the last one is not", path=f"{path}/role")
    if last.tool_calls:
        raise RequestError("a message with tool calls is complete: there is nothing to continue", path=f"{path}/tool_calls")
    if request.tool_choice.required:
        raise RequestError("a message that continues cannot begin with a tool call", path="/tool_choice")
    if request.response_format:
        raise UnsupportedError("continuing a value of a schema is not served yet", path="/continue_final_message")


@dataclass(frozen=True, slots=True)
class EndMarker:
    """Where the last message's content ends."""

    word: str

    @classmethod
    def for_messages(cls, messages: Sequence[Message]) -> "EndMarker":
        """A word that none of the messages holds."""
        texts = [text for message in messages for text in (message.content, message.reasoning_content) if text]
        texts += [call.arguments for message in messages for call in message.tool_calls]
        number = next(number for number in range(len(texts) + 1) if not any(_word(number) in text for text in texts))
        return cls(_word(number))

    def put(self, message: Message) -> Message:
        """The message with the word at the end of its content: white space before it is not trimmed, either."""
        return replace(message, content=(message.content or "") + self.word)

    def cut(self, text: str) -> str:
        """What stands before the word. Raises TemplateError where it is not there, or more than once."""
        before, found, after = text.partition(self.word)
        if not found or self.word in after:
            raise TemplateError("the chat template does not write the last message, so it cannot be continued")
        return before


def _word(number: int) -> str:
    return f"zqend{number:03}zq"

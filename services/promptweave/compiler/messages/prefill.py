"""Continuation of the last message (prefill): the text that a template writes after the assistant's content is cut off.

A unique word is appended to the content, and the prompt ends where that word appears in the render.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from promptweave.compiler.errors import RequestError, TemplateError, UnsupportedError
from promptweave.compiler.request import ChatRequest, Message, Role


def check_continuation(request: ChatRequest) -> None:
    """Raise RequestError or UnsupportedError if the answer cannot continue the last message."""
    last, path = request.messages[-1], f"/messages/{len(request.messages) - 1}"
    if last.role is not Role.ASSISTANT:
        raise RequestError("must be 'assistant': only an assistant message can be continued", path=f"{path}/role")
    if last.tool_calls:
        raise RequestError("a message with tool calls is complete and cannot be continued", path=f"{path}/tool_calls")
    if request.tool_choice.required:
        raise RequestError("a continued message cannot begin with a tool call", path="/tool_choice")
    if request.response_format:
        raise UnsupportedError("continuing a JSON value of a schema is not supported", path="/continue_final_message")


@dataclass(frozen=True, slots=True)
class EndMarker:
    """Marks the end of the last message's content."""

    word: str

    @classmethod
    def for_messages(cls, messages: Sequence[Message]) -> "EndMarker":
        """Return a marker whose word is in none of the messages."""
        texts = [text for message in messages for text in (message.content, message.reasoning_content) if text]
        texts += [call.arguments for message in messages for call in message.tool_calls]
        number = next(number for number in range(len(texts) + 1) if not any(_word(number) in text for text in texts))
        return cls(_word(number))

    def put(self, message: Message) -> Message:
        """Return the message with the word at the end of its content; white space before it is then not trimmed either."""
        return replace(message, content=(message.content or "") + self.word)

    def cut(self, text: str) -> str:
        """Return the text before the word. Raises TemplateError if the word is missing or appears more than once."""
        before, found, after = text.partition(self.word)
        if not found or self.word in after:
            raise TemplateError("the chat template omits the last message, so it cannot be continued")
        return before


def _word(number: int) -> str:
    return f"zqend{number:03}zq"

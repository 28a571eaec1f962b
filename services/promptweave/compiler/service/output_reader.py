"""Parses a model's output with a syntax that was received in a message."""

from promptweave.compiler.errors import RequestError
from promptweave.output.deltas import Delta
from promptweave.output.message import ParsedMessage
from promptweave.output.parse.parser import OutputParser
from promptweave.output.wire import SyntaxUnreadableError, message_to_wire, syntax_from_wire
from promptweave.v1 import output_pb2


class OutputReader:
    """Parser of one output; `opening` holds the deltas that the forced prefix makes certain."""

    def __init__(self, syntax: output_pb2.OutputSyntax) -> None:
        """Create the parser. Raises RequestError."""
        try:
            self._parser = OutputParser(syntax_from_wire(syntax))
        except SyntaxUnreadableError as error:
            raise RequestError(str(error), path="/syntax") from None
        self._message = ParsedMessage()
        self.opening = self._parser.start()
        self._message.extend(self.opening)

    def feed(self, text: str) -> list[Delta]:
        """Return the deltas that more text makes certain."""
        deltas = self._parser.feed(text)
        self._message.extend(deltas)
        return deltas

    def finish(self, *, ended: bool) -> tuple[list[Delta], output_pb2.ParsedMessage]:
        """Return the deltas that the end makes certain, and the message. `ended`: the output was not truncated."""
        deltas = self._parser.finish()
        self._message.extend(deltas)
        complete = ended and self._parser.complete
        return deltas, message_to_wire(self._message, ended=ended, complete=complete)

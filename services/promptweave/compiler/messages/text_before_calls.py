"""Text beside calls that a template does not write, or not as such: it is inserted where the model would have written it.

The name of the turn's first call gets a mark, which shows where the call is in the rendered prompt.
"""

import re
from dataclasses import replace

from promptweave.compiler.errors import TemplateError
from promptweave.compiler.messages.turns import Turn, Turns
from promptweave.compiler.profile.capabilities import TextBeforeCalls

_PRIVATE = range(0x100000, 0x10FFFE)
"""Private-use characters (the Unicode Standard, section 23.5); other marks use other planes."""


class InsertedTexts:
    """The texts beside calls in some turns, and the mark of each."""

    def __init__(self, turns: Turns, syntax: TextBeforeCalls) -> None:
        used = {ord(char) for turn in turns for char in _texts(turn) if ord(char) in _PRIVATE}
        self._mark = chr(next(code for code in _PRIVATE if code not in used))
        self._syntax = syntax
        self._turns = turns
        self._texts = {place: turn.content for place, turn in enumerate(turns) if turn.message.tool_calls and turn.content}

    def marked(self) -> Turns:
        """Return the turns without these texts, and with marks instead."""
        return tuple(
            self._with_mark(turn, place) if place in self._texts else turn for place, turn in enumerate(self._turns)
        )

    def insert(self, prompt: str) -> str:
        """Return the prompt that was rendered from the marked turns, with the texts. Raises TemplateError."""
        syntax = self._syntax
        for place, text in self._texts.items():
            call = syntax.opening + self._of(place)
            if prompt.count(call) != 1:
                raise TemplateError("the template does not write the name of a call after the text that opens it")
            prompt = prompt.replace(call, syntax.before + text + syntax.after + call)
        return re.sub(f"{self._mark}[0-9]+{self._mark}", "", prompt)

    def _of(self, place: int) -> str:
        return f"{self._mark}{place}{self._mark}"

    def _with_mark(self, turn: Turn, place: int) -> Turn:
        first, *others = turn.message.tool_calls
        calls = (replace(first, name=self._of(place) + first.name), *others)
        return replace(turn, message=replace(turn.message, content=None, tool_calls=calls))


def _texts(turn: Turn) -> str:
    message = turn.message
    return "".join([turn.content, *(call.name + call.arguments for call in message.tool_calls)])

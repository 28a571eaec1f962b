"""Shows progress on stderr, in color if that is a terminal."""

import re

from rich.console import Console
from rich.text import Text

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Characters that would control the terminal: models and tools may output them."""


class Transcript:
    """A watcher of the loop."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, soft_wrap=True, highlight=False)
        self._in_line = False

    def wrote(self, text: str) -> None:
        self._console.print(_plain(text), end="")
        self._in_line = True

    def called(self, name: str, arguments: str) -> None:
        self._line("→ ", f"{name} {arguments}", "cyan")

    def got(self, name: str, result: str) -> None:
        self._line("← ", f"{name} {result}", "red" if result.startswith('{"error":') else "green")

    def warned(self, text: str) -> None:
        self._line("! ", text, "yellow")

    def ended(self) -> None:
        if self._in_line:
            self._console.print()
        self._in_line = False

    def _line(self, mark: str, text: str, style: str) -> None:
        self.ended()
        self._console.print(_plain(mark + text, style))


def _plain(text: str, style: str = "") -> Text:
    return Text(CONTROL.sub("�", text), style)

"""The calling styles by name. A new style is one module beside this one, and its entry here."""

from promptweave.compiler.errors import UnsupportedError
from promptweave.compiler.styles.functionary_v2 import FUNCTIONARY_V2
from promptweave.compiler.styles.generic import GENERIC
from promptweave.compiler.styles.hermes import HERMES
from promptweave.compiler.styles.native import NATIVE
from promptweave.compiler.styles.style import CallingStyle, TemplateSyntax

_ALL: tuple[CallingStyle, ...] = (NATIVE, HERMES, FUNCTIONARY_V2, GENERIC)

STYLES: dict[str, CallingStyle] = {style.name: style for style in _ALL}
"""The styles that a request may name."""

FALLBACK: CallingStyle = GENERIC
"""The style for templates and requests that no other style supports."""


def style_named(name: str) -> CallingStyle:
    """Return a style. Raises UnsupportedError if the name is unknown."""
    if name not in STYLES:
        raise UnsupportedError(f"unknown calling style {name!r}; supported: {', '.join(STYLES)}", path="/style")
    return STYLES[name]


def default_style(template: TemplateSyntax) -> CallingStyle:
    """Return the style of requests that name none."""
    return next((style for style in STYLES.values() if style.is_default_for(template)), FALLBACK)

"""The Jinja environment that chat templates are written for: that of Hugging Face's `apply_chat_template`, in a sandbox.

The sandbox keeps a template from reaching Python. Its cost is limited in `limits.py`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from promptweave.compiler.errors import TemplateLimitError
from promptweave.compiler.template.limits import MAX_PROMPT_CHARS


class _Generation(Extension):
    """`{% generation %}`, with which some templates mark the model's output: transparent here."""

    tags = {"generation"}  # noqa: RUF012 - Jinja's own protocol

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return list(parser.parse_statements(("name:endgeneration",), drop_needle=True))


def _raise_exception(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Serialize like Hugging Face's filter: no HTML escapes, no sorting."""
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | Sequence):
        value = list(value)
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


class _Sandbox(SandboxedEnvironment):
    """Also keeps single operations small: neither the timer nor a memory limit can interrupt the middle of one."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Reject products and powers that no chat template needs."""
        if operator == "**" and _bits(left) * abs(right if isinstance(right, int | float) else 0) > _MAX_BITS:
            raise TemplateLimitError("the chat template computes a number that is too large")
        if operator == "*":
            for value, times in ((left, right), (right, left)):
                if (
                    isinstance(times, int)
                    and isinstance(value, str | bytes | Sequence)
                    and len(value) * times > MAX_PROMPT_CHARS
                ):
                    raise TemplateLimitError(f"the chat template creates a value of more than {MAX_PROMPT_CHARS} elements")
            if _bits(left) + _bits(right) > _MAX_BITS:
                raise TemplateLimitError("the chat template computes a number that is too large")
        return super().call_binop(context, operator, left, right)


_MAX_BITS = 100_000


def _bits(value: Any) -> int:
    return value.bit_length() if isinstance(value, int) else 0


def _environment() -> SandboxedEnvironment:
    environment = _Sandbox(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _Generation], autoescape=False)
    environment.filters["tojson"] = _to_json
    environment.filters["from_json"] = json.loads
    environment.filters["safe"] = str
    environment.globals["raise_exception"] = _raise_exception
    # Renders are reproducible: no random text, and `random` always picks the first item.
    del environment.globals["lipsum"]
    environment.filters["random"] = environment.filters["first"]
    return environment


ENVIRONMENT = _environment()

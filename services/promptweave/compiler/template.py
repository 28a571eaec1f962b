"""Chat templates: the Jinja2 text stored in a GGUF, rendered in a sandbox.

The environment is the one that Hugging Face's `apply_chat_template` gives and that templates are written for.
The sandbox keeps a template from reaching Python; it does not yet bound its time and memory.
"""

import copy
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import SandboxedEnvironment

from promptweave.compiler.errors import TemplateError


@dataclass(frozen=True)
class ChatTemplate:
    """A template with what it needs of its model. `named` holds further templates, such as `tool_use`."""

    source: str
    bos_token: str = ""
    eos_token: str = ""
    named: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def content_hash(self) -> str:
        """Names the template and its tokens: sha256, in hexadecimal."""
        parts = [self.source, self.bos_token, self.eos_token, sorted(self.named.items())]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def source_for(self, *, tools: bool) -> str:
        """The template to take: models that have one of the name `tool_use` mean it for requests with tools."""
        return self.named.get("tool_use", self.source) if tools else self.source

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] = (),
        add_generation_prompt: bool = True,
        now: datetime,
        variables: Mapping[str, Any] | None = None,
    ) -> str:
        """The prompt of a conversation, as Hugging Face's dictionaries. Raises TemplateError, with the template's line."""
        template = _parse(self.source_for(tools=bool(tools)))
        context = {
            "messages": list(messages),
            "tools": list(tools) or None,
            "functions": json.dumps(list(tools), indent=2, ensure_ascii=False) if tools else "",
            "add_generation_prompt": add_generation_prompt,
            "bos_token": self.bos_token,
            "eos_token": self.eos_token,
            "date_string": now.strftime("%d %b %Y"),
            "datetime": now.strftime("%b %d %Y"),
            "strftime_now": now.strftime,
            **(variables or {}),
        }
        try:
            return _render(template, context)
        except TemplateError:
            if tools:
                raise
        # Some templates loop over the tools without asking whether there are any.
        return _render(template, {**context, "tools": []})


def _render(template: jinja2.Template, context: Mapping[str, Any]) -> str:
    try:
        # Some templates change what they are given.
        return template.render({**context, **copy.deepcopy({key: context[key] for key in ("messages", "tools")})})
    except jinja2.TemplateError as error:
        raise TemplateError(_at(error, f"the chat template raised: {error.message or 'no message'}")) from None
    except RecursionError:
        raise TemplateError("the chat template recurses without end") from None
    except Exception as error:
        # Whatever a template makes Python raise is the template's fault, and its author wants to read it.
        raise TemplateError(_at(error, f"the chat template failed: {type(error).__name__}: {error}")) from None


def _at(error: BaseException, message: str) -> str:
    """The message with the template's line, which Jinja writes into the traceback."""
    line, step = getattr(error, "lineno", None), error.__traceback__
    while step:
        if step.tb_frame.f_code.co_filename == "<template>":
            line = step.tb_lineno
        step = step.tb_next
    return f"{message} (line {line} of the template)" if line else message


@lru_cache(maxsize=64)
def _parse(source: str) -> jinja2.Template:
    try:
        return _ENVIRONMENT.from_string(source)
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(_at(error, f"the chat template does not parse: {error.message}")) from None


class _Generation(Extension):
    """`{% generation %}`, with which some templates mark what the model writes: transparent here."""

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
    """As Hugging Face's: no HTML escapes, no sorting."""
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | Sequence):
        value = list(value)
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _environment() -> SandboxedEnvironment:
    environment = SandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _Generation], autoescape=False
    )
    environment.filters["tojson"] = _to_json
    environment.filters["from_json"] = json.loads
    environment.filters["safe"] = str
    environment.globals["raise_exception"] = _raise_exception
    return environment


_ENVIRONMENT = _environment()

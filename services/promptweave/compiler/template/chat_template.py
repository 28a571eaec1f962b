"""Chat templates: the Jinja2 text stored in a GGUF file, rendered within limits. Errors name the template's line."""

import copy
import hashlib
import json
import marshal
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any

import jinja2
from jinja2.meta import find_undeclared_variables

from promptweave.common.cpu_limit import TimeIsUp, bounded
from promptweave.compiler.errors import TemplateError, TemplateLimitError
from promptweave.compiler.template.limits import MAX_PROMPT_CHARS, RENDER_S
from promptweave.compiler.template.sandbox import ENVIRONMENT

_CLOCK = re.compile(r"\b(?:strftime_now|date_string|datetime)\b")


@dataclass(frozen=True)
class ChatTemplate:
    """A template with the data that it needs from its model. `named` holds further templates, such as `tool_use`.

    `special_tokens` are the vocabulary's; empty: unknown.
    """

    source: str
    bos_token: str = ""
    eos_token: str = ""
    named: Mapping[str, str] = field(default_factory=dict)
    special_tokens: tuple[str, ...] = ()

    @cached_property
    def content_hash(self) -> str:
        """Return a key of the template and its tokens: sha256, in hexadecimal."""
        parts = [self.source, self.bos_token, self.eos_token, sorted(self.named.items()), self.special_tokens]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @property
    def reads_clock(self) -> bool:
        """Return whether its output may depend on the current time."""
        return any(map(_CLOCK.search, (self.source, *self.named.values())))

    def source_for(self, *, tools: bool) -> str:
        """Return the template to use: a model's template named `tool_use` is meant for requests with tools."""
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
        """Render the prompt of a conversation, given as Hugging Face's dictionaries.

        Raises TemplateError, with the template's line.
        """
        source = self.source_for(tools=bool(tools))
        template = _parse(source)
        context = {
            "messages": list(messages),
            "tools": list(tools) or None,
            "functions": json.dumps(list(tools), indent=2, ensure_ascii=False) if tools and _wants_functions(source) else "",
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
        except TemplateLimitError:
            raise
        except TemplateError:
            if tools:
                raise
        # Some templates loop over the tools without checking whether there are any.
        return _render(template, {**context, "tools": []})


def _render(template: jinja2.Template, context: Mapping[str, Any]) -> str:
    # Some templates modify their input.
    given = {**context, **_copied({key: context[key] for key in ("messages", "tools")})}
    written: list[str] = []
    length = 0
    try:
        with bounded(RENDER_S):
            for piece in template.generate(given):
                length += len(piece)
                if length > MAX_PROMPT_CHARS:
                    raise TemplateLimitError(f"the chat template generates more than {MAX_PROMPT_CHARS} characters")
                written.append(piece)
    except TemplateError:
        raise
    except TimeIsUp as error:
        raise TemplateLimitError(_at(error, f"the chat template took longer than {RENDER_S:g} s")) from None
    except MemoryError as error:
        raise TemplateLimitError(_at(error, "the chat template exceeds the memory limit")) from None
    except jinja2.TemplateError as error:
        raise TemplateError(_at(error, f"the chat template raised: {error.message or 'no message'}")) from None
    except RecursionError:
        raise TemplateError("infinite recursion in the chat template") from None
    except Exception as error:
        # Any Python exception in a template is the template's fault, and its author needs to see it.
        raise TemplateError(_at(error, f"the chat template failed: {type(error).__name__}: {error}")) from None
    return "".join(written)


def _copied(value: dict[str, Any]) -> dict[str, Any]:
    """Return a deep copy."""
    try:
        copied: dict[str, Any] = marshal.loads(marshal.dumps(value))  # noqa: S302 - dumped right here; ten times as fast as copying
    except ValueError:  # It contains types other than Python's own.
        return copy.deepcopy(value)
    return copied


def _at(error: BaseException, message: str) -> str:
    """Return the message with the template's line, from the traceback that Jinja rewrites, or from Jinja's line mapping."""
    line, step = getattr(error, "lineno", None), error.__traceback__
    while step:
        if step.tb_frame.f_code.co_filename == "<template>":
            template = step.tb_frame.f_globals.get("__jinja_template__")
            line = template.get_corresponding_lineno(step.tb_lineno) if template else step.tb_lineno
        step = step.tb_next
    return f"{message} (line {line} of the template)" if line else message


@lru_cache(maxsize=64)
def _wants_functions(source: str) -> bool:
    """Return whether a template uses the variable: most that contain the word have it in text for the model."""
    return "functions" in source and "functions" in find_undeclared_variables(ENVIRONMENT.parse(source))


@lru_cache(maxsize=64)
def _parse(source: str) -> jinja2.Template:
    try:
        # Jinja evaluates constant expressions here, so the limits of rendering apply here, too.
        with bounded(RENDER_S):
            return ENVIRONMENT.from_string(source)
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(_at(error, f"the chat template cannot be parsed: {error.message}")) from None
    except (TimeIsUp, MemoryError):
        raise TemplateLimitError("parsing the chat template exceeds the time or memory limit") from None
    except RecursionError:
        raise TemplateError("the chat template is nested too deeply") from None
    except Exception as error:
        raise TemplateError(_at(error, f"the chat template cannot be parsed: {type(error).__name__}: {error}")) from None

"""The compiler's errors.

PromptweaveError
└── CompilerError
    ├── RequestError          a field is missing or malformed                                INVALID_ARGUMENT
    ├── UnsupportedError      a part of the request that this version does not support       UNIMPLEMENTED
    ├── TemplateUnknownError  a hash that this replica does not have: send the text          FAILED_PRECONDITION
    ├── TemplateError         the template does not parse, or raised                         INVALID_ARGUMENT
    │   └── TemplateLimitError    it takes too much time or memory, or generates too much
    └── SchemaError           a JSON Schema that is invalid, unsupported or unsatisfiable    INVALID_ARGUMENT
"""

from typing import Literal

from promptweave.errors import Code, PromptweaveError


class CompilerError(PromptweaveError):
    """Base class of the compiler's errors."""

    code = Code.INVALID_ARGUMENT


class RequestError(CompilerError):
    """A field is missing or malformed."""

    reason = "ERROR_REASON_REQUEST_INVALID"


class UnsupportedError(CompilerError):
    """The request requires something that this version does not support."""

    code = Code.UNIMPLEMENTED
    reason = "ERROR_REASON_UNSUPPORTED"


class TemplateUnknownError(CompilerError):
    """The template's hash is not in the cache: send the text once."""

    code = Code.FAILED_PRECONDITION
    reason = "ERROR_REASON_TEMPLATE_UNKNOWN"


class TemplateError(CompilerError):
    """The template does not parse, or raised while rendering."""

    reason = "ERROR_REASON_TEMPLATE_FAILED"


class TemplateLimitError(TemplateError):
    """The template takes too much time or memory, or generates too much: retrying in another form would not help."""


Kind = Literal["invalid", "unsupported", "unsatisfiable"]


class SchemaError(CompilerError):
    """A JSON Schema that cannot become a grammar. Its message is one line: `unsupported: /properties/a/minimum: why; ...`.

    `pointer` is a JSON pointer into the schema, ending at the keyword at fault; `keyword` is that keyword, if there is one.
    """

    def __init__(self, kind: Kind, pointer: str, why: str, *, keyword: str = "") -> None:
        super().__init__(
            f"{kind}: {pointer or '/'}: {why}", path=pointer, metadata={"keyword": keyword} if keyword else None
        )
        self.kind = kind
        self.pointer = pointer
        self.why = why
        self.keyword = keyword
        self.reason = f"ERROR_REASON_SCHEMA_{kind.upper()}"

    def below(self, base: str) -> "SchemaError":
        """Return the same error with `path` inside a larger document that holds the schema at the pointer `base`."""
        moved = SchemaError(self.kind, self.pointer, self.why, keyword=self.keyword)
        moved.path = base + self.pointer
        return moved

"""Templates by hash, so that callers send a template's text once."""

from cachetools import LRUCache

from promptweave.compiler.errors import RequestError, TemplateUnknownError
from promptweave.compiler.service.convert import template_from_wire
from promptweave.v1 import prompt_compiler_pb2

MAX_TEMPLATE_BYTES = 1024 * 1024
"""The largest template, with its named variants and special tokens. Those of real models have up to 50 KB."""

MAX_CACHED_BYTES = 64 * 1024 * 1024
"""Maximum bytes of all templates, including the overhead of keeping them; the least recently used one is evicted first."""

_EACH = 1024
"""Overhead of keeping a template, in bytes."""


class TemplateCache:
    """Templates that compiled, by hash."""

    def __init__(self, max_bytes: int = MAX_CACHED_BYTES) -> None:
        self._templates: LRUCache[str, prompt_compiler_pb2.Template] = LRUCache(
            max_bytes, getsizeof=lambda template: _EACH + template.ByteSize()
        )

    def resolve(self, ref: prompt_compiler_pb2.TemplateRef) -> prompt_compiler_pb2.Template:
        """Return the template, and replace it with its hash in `ref`. Raises RequestError and TemplateUnknownError."""
        match ref.WhichOneof("ref"):
            case "inline":
                if ref.inline.ByteSize() > MAX_TEMPLATE_BYTES:
                    message = f"the template has {ref.inline.ByteSize():,} bytes; use one of at most {MAX_TEMPLATE_BYTES:,}"
                    raise RequestError(message, path="/template")
                template = prompt_compiler_pb2.Template()
                template.CopyFrom(ref.inline)
                ref.content_hash = template_from_wire(template).content_hash
                return template
            case "content_hash":
                known = self._templates.get(ref.content_hash)
                if known is None:
                    message = "this replica has no template with this hash; send the template's text inline once"
                    raise TemplateUnknownError(message, metadata={"content_hash": ref.content_hash})
                return known
            case _:
                raise RequestError("a template is required, inline or by hash", path="/template")

    def put(self, content_hash: str, template: prompt_compiler_pb2.Template) -> None:
        """Store a template. Call this when a worker has accepted it: one that is refused is not kept."""
        self._templates[content_hash] = template

"""Fields of completions, which continue a text."""

from collections.abc import Sequence

from promptweave.facade.policy import llama_cpp
from promptweave.facade.policy.chat import NO_PADDING
from promptweave.facade.policy.rules import FieldRule, refused

HOUSEKEEPING = frozenset(
    {"user", "metadata", "store", "service_tier", "extra_headers", "extra_query", "extra_body", "timeout"}
)
"""Fields that ask for nothing that the answer could show: taken without a warning."""

FIELDS: Sequence[FieldRule] = (
    refused("suffix", "only text after the prompt is generated, without fill-in-the-middle"),
    *(refused(name, "use chat completions instead") for name in ("grammar", "json_schema")),
    refused("response_format", "use chat completions instead", ({}, {"type": "text"})),
    *(refused(name, "only available in chat completions", ([],)) for name in ("messages", "tools", "functions")),
    NO_PADDING,
    *llama_cpp.FIELDS,
)

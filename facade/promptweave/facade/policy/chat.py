"""Fields of chat completions, and of everything that is translated into them."""

from collections.abc import Sequence

from promptweave.facade.policy import llama_cpp
from promptweave.facade.policy.rules import FieldRule, left_out, refused

ONE_TIER = left_out("service_tier", "the only service tier is 'default'", ("auto", "default"))
NO_PADDING = left_out("stream_options.include_obfuscation", "streams are not padded")
NO_MODERATION = left_out("moderation", "moderation is not available")

FIELDS: Sequence[FieldRule] = (
    refused("audio", "only text output is available"),
    refused("modalities", "only text output is available", ([], ["text"])),
    refused("messages[].audio", "audio is not stored; send its transcript as the message's content"),
    left_out("web_search_options", "there is no built-in web search; provide a search tool instead"),
    NO_MODERATION,
    ONE_TIER,
    left_out("verbosity", "only 'medium' is available; request the length in the messages instead", ("medium",)),
    NO_PADDING,
    *llama_cpp.FIELDS,
)

HOUSEKEEPING = frozenset(
    {
        *("metadata", "prediction", "prompt_cache_options", "prompt_cache_retention", "safety_identifier", "store", "user"),
        *("access_programs", "extra_headers", "extra_query", "extra_body", "timeout"),
    }
)
"""Fields that ask for nothing that the answer could show: taken without a warning."""

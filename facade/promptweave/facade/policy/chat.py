"""Fields of chat completions, and of everything that is translated into them."""

from collections.abc import Sequence

from promptweave.facade.policy import llama_cpp
from promptweave.facade.policy.rules import FieldRule, left_out, refused

NO_PADDING = left_out("stream_options.include_obfuscation", "streams are not padded")
NO_MODERATION = left_out("moderation", "moderation is not available")

HOSTED_TOOL = "the server has no such tool; provide a function instead"
"""Why tools of other types than `function` and `custom` are left out, and a choice that names one is refused."""

REMOTE_IMAGE = "images must be base64 data URLs (data:image/png;base64,...); remote URLs are not fetched"
"""Why images in other URLs are refused: the answer would be about something else."""

IMAGE_OPTION = "or leave such images out with --unusable-images placeholder"
"""What an error says of an image that cannot be used."""

NO_TAGS = "tags within free text are not constrained; use a json_schema, grammar or regex for the complete answer, or tools"

FIELDS: Sequence[FieldRule] = (
    refused("audio", "only text output is available"),
    refused("modalities", "only text output is available", ([], ["text"])),
    refused("response_format.type", NO_TAGS, ("text", "json_object", "json_schema", "grammar", "regex")),
    refused("structured_outputs.structural_tag", NO_TAGS),
    refused("structural_tag", NO_TAGS),
    *(
        left_out(f"structured_outputs.{name}", "the compiler sets the whitespace of JSON, and the schema its properties")
        for name in ("whitespace_pattern", "disable_any_whitespace", "disable_additional_properties")
    ),
    left_out("guided_whitespace_pattern", "the compiler sets the whitespace of JSON"),
    left_out("messages[].audio", "audio is not stored; send its transcript as the message's content"),
    left_out("verbosity", "it is 'low', 'medium' or 'high'", ("low", "medium", "high")),
    left_out("web_search_options", "web search is not available; provide a search tool instead", ()),
    NO_MODERATION,
    NO_PADDING,
    *llama_cpp.FIELDS,
)

HOUSEKEEPING = frozenset(
    {
        *("metadata", "prediction", "prompt_cache_options", "prompt_cache_retention", "safety_identifier", "store", "user"),
        *("guided_decoding_backend", "keep_alive", "service_tier"),
        *("access_programs", "extra_headers", "extra_query", "extra_body", "timeout"),
    }
)
"""Fields that ask for nothing that the answer could show: taken without a warning."""

PART_HOUSEKEEPING = frozenset(
    {
        *(
            "annotations",
            "audio",
            "cache_control",
            "created",
            "id",
            "index",
            "metadata",
            "object",
            "parsed",
            "parsed_arguments",
            "prompt_cache_breakpoint",
        ),
        *("provider_options", "provider_specific_fields", "providerOptions", "status", "type"),
    }
)
"""The same for fields of messages, their parts and calls, and tools."""

REASONING_FIELDS = ("reasoning", "reasoning_details", "reasoning_text", "thinking_blocks", "thinking")
"""Other names of a message's `reasoning_content`; the first one with a text counts. They are vLLM's and OpenRouter's,
OpenRouter's parts, GitHub Copilot's, LiteLLM's parts, and Ollama's."""

REASONING_TEXTS = ("text", "thinking", "summary")
"""Fields of such parts with a text."""

"""Fields of the Responses API, in addition to those of chat completions; and its types of tools and items."""

from collections.abc import Mapping, Sequence

from promptweave.facade.policy.chat import HOUSEKEEPING as CHAT_HOUSEKEEPING
from promptweave.facade.policy.chat import NO_MODERATION, NO_PADDING
from promptweave.facade.policy.rules import Decision, FieldRule, TypeRule, left_out, refused

_DIRECT = "only the model calls tools, not code that it runs"

FIELDS: Sequence[FieldRule] = (
    refused("prompt", "prompts are not stored; send instructions and input instead"),
    left_out("context_management", "a conversation that exceeds the context is rejected"),
    NO_MODERATION,
    NO_PADDING,
    left_out("reasoning.context", "the chat template selects which earlier reasoning is in the prompt", ("auto",)),
    left_out("reasoning.mode", "the only reasoning mode is 'standard'", ("standard",)),
    left_out("tools[].allowed_callers", _DIRECT, ([], ["direct"])),
    *(
        left_out(f"{tools}[].async", "the output of a call comes with the next request")
        for tools in ("tools", "tools[].tools", "input[].tools", "input[].tools[].tools")
    ),
    left_out("input[].caller", _DIRECT, ({"type": "direct"},)),
    *(
        left_out(f"{tools}[].environment.skills", "the model does not see skills; describe them in the instructions")
        for tools in ("tools", "input[].tools")
    ),
    left_out("image", "images are not generated"),
    refused("n", "a response contains a single answer", (1,)),
    *(
        refused(name, f"a chat completions field; use {here!r} instead", ())
        for name, here in {
            "messages": "input",
            "functions": "tools",
            "function_call": "tool_choice",
            "max_tokens": "max_output_tokens",
            "max_completion_tokens": "max_output_tokens",
            "response_format": "text.format",
            "reasoning_effort": "reasoning.effort",
            "verbosity": "text.verbosity",
            "logprobs": "top_logprobs",
        }.items()
    ),
)

HOUSEKEEPING = CHAT_HOUSEKEEPING | {"background_options", "client_metadata"}

_HOSTED = "the server has no such tool; provide a function instead"

TOOLS: Mapping[str, TypeRule] = dict.fromkeys(
    (
        *("web_search", "web_search_preview", "file_search", "image_generation", "code_interpreter", "mcp"),
        "programmatic_tool_calling",
    ),
    TypeRule(Decision.LEFT_OUT, _HOSTED),
)
"""Types of tools that are not served. A version, such as `_2025_08_26`, may follow. Other types are left out, too, unless
`responses_client_tools.py` has one."""

OTHER_ENVIRONMENT = "the server has no such environment; use {'type': 'local'}, and run the commands yourself"
"""Why a tool that the client can run is left out if it is to run elsewhere."""

NAME_TAKEN = "another tool has its name"
"""Why a tool that OpenAI defines is left out if a function or a custom tool has its name."""

ITEMS: Mapping[str, TypeRule] = {
    **dict.fromkeys(
        (
            *("image_generation_call", "compaction_trigger"),
            *("mcp_list_tools", "mcp_approval_request", "mcp_approval_response"),
        ),
        TypeRule(Decision.LEFT_OUT, "it has no text that the model could read"),
    ),
    **dict.fromkeys(
        ("web_search_call", "file_search_call", "program", "program_output"),
        TypeRule(Decision.LEFT_OUT, "its provider ran it, and the model's answer after it says what it found"),
    ),
}
"""Types of items that are left out of the conversation. Unknown types are left out, too."""

ITEM_HOUSEKEEPING = frozenset(
    {
        *(
            "agent",
            "annotations",
            "async",
            "cache_control",
            "caller",
            "created_at",
            "created_by",
            "execution",
            "metadata",
            "name",
        ),
        *("namespace", "object", "parsed_arguments", "phase", "provider_data", "role", "type"),
    }
)
"""Fields of items that ask for nothing that the model could see: taken without a warning."""

"""Fields of Anthropic's Messages API, in addition to those of chat completions; and its types of tools and blocks."""

from collections.abc import Mapping, Sequence

from promptweave.facade.policy import llama_cpp
from promptweave.facade.policy.rules import Decision, FieldRule, TypeRule, left_out, refused

_DIRECT = "only the model calls tools, not code that it runs"

FIELDS: Sequence[FieldRule] = (
    left_out("container", "code is not executed"),
    left_out("mcp_servers", "tools are called by the client"),
    left_out("inference_geo", "inference runs on this server only"),
    refused("output_format", "use output_config.format instead"),
    left_out("service_tier", "there is a single service tier", ("auto", "standard_only")),
    left_out("speed", "there is a single speed", ("standard",)),
    left_out("compaction", "the conversation is not compacted; a conversation that exceeds the context is rejected"),
    left_out("fallbacks", "one model answers"),
    left_out("tools[].allowed_callers", _DIRECT, ([], ["direct"])),
    left_out("messages[].content[].caller", _DIRECT, ({"type": "direct"},)),
    left_out("messages[].content[].citations", "citations are not available", ([], {"enabled": False})),
    *(
        refused(name, f"a chat completions field; use {here!r} instead", ())
        for name, here in {
            "max_completion_tokens": "max_tokens",
            "stop": "stop_sequences",
            "thinking_budget_tokens": "thinking.budget_tokens",
            "response_format": "output_config.format",
            "reasoning_effort": "output_config.effort",
            "functions": "tools",
            "function_call": "tool_choice",
        }.items()
    ),
    refused("n", "a message contains a single answer", (1,)),
    *(refused(name, "only available in chat completions") for name in ("grammar", "logprobs", "explain")),
    *llama_cpp.FIELDS,
)

HOUSEKEEPING = frozenset(
    {
        *("metadata", "billing_policy", "cache_control", "diagnostics", "fallback_credit_token", "thread", "betas"),
        *("user_profile_id", "workspace_id"),
    }
)
"""Fields that ask for nothing that the answer could show: taken without a warning."""

_HOSTED = "the server has no such tool; provide a tool with an input_schema instead"

TOOLS: Mapping[str, TypeRule] = {
    **dict.fromkeys(
        ("web_search", "web_fetch", "code_execution", "advisor", "mcp_toolset", "browser_toolset", "computer_toolset"),
        TypeRule(Decision.LEFT_OUT, _HOSTED),
    ),
    **dict.fromkeys(
        ("bash", "text_editor", "computer", "memory"),
        TypeRule(Decision.LEFT_OUT, "only models that were trained for it know this tool; provide one with an input_schema"),
    ),
}
"""Types of tools that are not served, without the version. Other types are left out, too."""

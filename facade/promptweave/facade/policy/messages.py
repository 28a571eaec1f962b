"""Fields of Anthropic's Messages API, in addition to those of chat completions; and its types of tools, blocks and edits."""

import re
from collections.abc import Mapping, Sequence

from promptweave.facade.policy import llama_cpp
from promptweave.facade.policy.chat import NO_TAGS
from promptweave.facade.policy.rules import Decision, FieldRule, TypeRule, left_out, refused

_DIRECT = "only the model calls tools, not code that it runs"

FIELDS: Sequence[FieldRule] = (
    left_out("container", "code is not executed"),
    left_out("mcp_servers", "tools are called by the client"),
    left_out("inference_geo", "inference runs on this server only"),
    left_out("thread", "conversations are not stored; send all messages with each request"),
    refused("thread.previous_message_id", "conversations are not stored; send all messages instead"),
    left_out("output_config.task_budget", "the tokens of a task are not counted; max_tokens limits a message"),
    left_out("service_tier", "there is a single service tier", ("auto", "standard_only")),
    left_out("speed", "there is a single speed", ("standard",)),
    left_out("compaction", "the conversation is not compacted; a conversation that exceeds the context is rejected"),
    left_out("fallbacks", "one model answers"),
    left_out("tools[].allowed_callers", _DIRECT, ([], ["direct"])),
    left_out("messages[].content[].caller", _DIRECT, ({"type": "direct"},)),
    *(
        refused(name, f"a chat completions field; use {here!r} instead", ())
        for name, here in {
            "max_completion_tokens": "max_tokens",
            "stop": "stop_sequences",
            "thinking_budget_tokens": "thinking.budget_tokens",
            "response_format": "output_config.format",
            "json_schema": "output_config.format",
            "reasoning_effort": "output_config.effort",
            "functions": "tools",
            "function_call": "tool_choice",
        }.items()
    ),
    refused("structural_tag", NO_TAGS),
    refused("n", "a message contains a single answer", (1,)),
    *(refused(name, "only available in chat completions") for name in ("grammar", "logprobs", "explain")),
    *llama_cpp.FIELDS,
)

HOUSEKEEPING = frozenset(
    {
        *("metadata", "billing_policy", "cache_control", "diagnostics", "fallback_credit_token", "betas"),
        *("user_profile_id", "workspace_id"),
    }
)
"""Fields that ask for nothing that the answer could show: taken without a warning."""

PART_HOUSEKEEPING = frozenset(
    {
        *("type", "cache_control", "caller", "toolset_name", "signature", "allowed_callers", "eager_input_streaming"),
        *("block_binding", "task_budget", "encrypted_content", "encrypted_stdout", "retrieved_at", "stop_reason"),
        *("num_lines", "start_line", "total_lines"),
    }
)
"""The same for fields of tools, blocks and other parts of a request. Whether and how `citations` are applied is in
`NO_CITATIONS`."""

NO_CITATIONS = left_out("citations", "citations are not available", ([], {"enabled": False}))
"""The rule for documents and search results. Citations of texts in the conversation are in the text as well."""

CHANGING_HEADERS = ("x-anthropic-billing-header:",)
"""Beginnings of a line at the beginning of `system` that clients change with each request. The line is not in the prompt,
because it would make the cache of the prompt useless."""

_HOSTED = "the server has no such tool; provide a tool with an input_schema instead"

TOOLS: Mapping[str, TypeRule] = dict.fromkeys(
    ("web_search", "web_fetch", "code_execution", "advisor", "mcp_toolset", "browser_toolset", "computer_toolset"),
    TypeRule(Decision.LEFT_OUT, _HOSTED),
)
"""Types of tools that are not served, without the version. Other types are left out, too, unless they have a schema, or
`messages_client_tools.py` has one."""

SEARCH_TOOLS: Mapping[str, TypeRule] = dict.fromkeys(
    ("tool_search_tool_bm25", "tool_search_tool_regex"),
    TypeRule(Decision.LEFT_OUT, "it searches tools with defer_loading, and the request has none"),
)
"""Types of tools, without the version, that search the deferred tools. They are left out if there are none."""

_ENCRYPTED = "it is encrypted, and only its provider can read it"

BLOCKS: Mapping[str, TypeRule] = {
    "redacted_thinking": TypeRule(Decision.LEFT_OUT, _ENCRYPTED),
    "fallback": TypeRule(Decision.LEFT_OUT, "it marks where another model took over, which no prompt shows"),
    "container_upload": TypeRule(Decision.LEFT_OUT, "code is not executed, so files are not available to it"),
    "mcp_tool_listing": TypeRule(Decision.LEFT_OUT, "tools are called by the client, which lists them in 'tools'"),
    "browser_state": TypeRule(Decision.LEFT_OUT, "browser tools are not supported; describe the state as text"),
}
"""Types of blocks that are left out of the conversation."""

SERVER_TOOLS = ("advisor", "bash_code_execution", "code_execution", "text_editor_code_execution", "web_fetch", "web_search")
"""Tools that the provider of the API runs. Conversations that began there have their calls and results."""

CALLS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
"""Types of blocks with a call."""

RESULTS = frozenset({"tool_result", "mcp_tool_result", *(f"{name}_tool_result" for name in (*SERVER_TOOLS, "tool_search"))})
"""Types of blocks with the result of a call."""

RESULT_FIELDS: Mapping[str, Sequence[str]] = {
    "web_search_result": ("title", "url", "page_age"),
    "web_fetch_result": ("url", "content"),
    **dict.fromkeys(("code_execution_result", "bash_code_execution_result"), ("stdout", "stderr", "return_code", "content")),
    "encrypted_code_execution_result": ("stderr", "return_code", "content"),
    "text_editor_code_execution_view_result": ("content",),
    "text_editor_code_execution_str_replace_result": ("lines",),
    "advisor_result": ("text",),
    **dict.fromkeys(("advisor_redacted_result", "text_editor_code_execution_create_result"), ()),
    **dict.fromkeys(("code_execution_output", "bash_code_execution_output"), ()),
}
"""Types of blocks in the results of server tools → their fields with text."""

RESULT_ERRORS = frozenset({f"{name}_tool_result_error" for name in (*SERVER_TOOLS, "tool_search")})
"""Types of blocks, in the results of server tools, that say why a call failed."""

EDITS: Mapping[str, TypeRule] = {
    "compact": TypeRule(Decision.LEFT_OUT, "the conversation is not compacted; shorten it when the prompt is too long"),
}
"""Types of context edits that are not applied, without the version."""

_VERSION = re.compile(r"_\d{8}$")


def without_version(kind: str) -> str:
    """Return a type without the date at its end: `web_search_20250305` is `web_search`."""
    return _VERSION.sub("", kind)

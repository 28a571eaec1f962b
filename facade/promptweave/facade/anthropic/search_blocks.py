"""Searches for tools that ran on the server, as blocks of a message: the calls, and references to what was found."""

import json
from collections.abc import Iterator, Sequence

from promptweave.facade.anthropic.objects import (
    ContentBlock,
    FoundTool,
    MessageEvent,
    ServerToolUseContent,
    ToolSearchResultContent,
)
from promptweave.facade.tool_search.history import Search
from promptweave.facade.tool_search.offer import plain_name


def search_blocks(searches: Sequence[Search]) -> list[ContentBlock]:
    """Return the blocks of one round: first the calls."""
    return [*map(_call, searches), *map(_result, searches)]


def _id(search: Search) -> str:
    return f"srvtoolu_{search.id.removeprefix('call_')}"


def _call(search: Search) -> ServerToolUseContent:
    return {
        "type": "server_tool_use",
        "id": _id(search),
        "name": "tool_search_tool_bm25",
        "input": {"query": search.query},
    }


def _result(search: Search) -> ToolSearchResultContent:
    references: list[FoundTool] = [{"type": "tool_reference", "tool_name": plain_name(tool)} for tool in search.tools]
    return {
        "type": "tool_search_tool_result",
        "tool_use_id": _id(search),
        "content": {"type": "tool_search_tool_search_result", "tool_references": references},
    }


def block_events(block: ContentBlock, index: int) -> Iterator[MessageEvent]:
    """Yield the events of a complete block. Clients expect the arguments of a call in a delta."""
    if block["type"] == "server_tool_use":
        yield {"type": "content_block_start", "index": index, "content_block": {**block, "input": {}}}
        arguments = json.dumps(block["input"], ensure_ascii=False)
        delta: MessageEvent = {
            "type": "content_block_delta",
            "index": index,
            "delta": {"type": "input_json_delta", "partial_json": arguments},
        }
        yield delta
    else:
        yield {"type": "content_block_start", "index": index, "content_block": block}
    yield {"type": "content_block_stop", "index": index}

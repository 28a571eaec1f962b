"""Messages of Anthropic's API, with their blocks, as messages of a chat request."""

from collections.abc import Callable, Mapping, Sequence

from promptweave.common.json_object import JsonObject
from promptweave.facade.anthropic.block_parts import block_kind, is_known, leave_out, parts_of, read_block
from promptweave.facade.anthropic.body import (
    ChangedTool,
    CompactionBlock,
    MessageBody,
    ThinkingBlock,
    ToolBody,
    ToolChangeBlock,
    ToolResultBlock,
    ToolUseBlock,
)
from promptweave.facade.anthropic.signatures import omitted_thinking
from promptweave.facade.anthropic.tools import add_tool
from promptweave.facade.bodies.body import read_body
from promptweave.facade.bodies.json_field import json_text
from promptweave.facade.bodies.source_map import Origin
from promptweave.facade.openai.chat.request.translated import Notes
from promptweave.facade.policy import messages
from promptweave.facade.policy.roles import known_role

_ROLES = ("user", "assistant", "system")


class BlockConversation:
    """Builds chat messages from messages with blocks. A block may be in a message of any role."""

    def __init__(self, notes: Notes) -> None:
        self.messages: list[JsonObject] = []
        self._notes = notes
        self._open = False
        """Whether the last chat message takes further blocks of the message that it is built from."""

    def system(self, given: str | Sequence[JsonObject]) -> None:
        """Add the system prompt. Raises RequestError."""
        if isinstance(given, str):
            if prompt := _without_changing_header(given):
                self._begin("system", Origin("/system", whole=True))["content"] = prompt
            return
        self._open = False
        for number, block in enumerate(given):
            if number == 0 and isinstance(text := block.get("text"), str) and text.startswith(messages.CHANGING_HEADERS):
                if not (stable := _without_changing_header(text)):
                    continue
                block = {**block, "text": stable}
            self._add_block("system", block, f"/system/{number}")

    def add(self, message: MessageBody, path: str) -> None:
        """Add a message. Raises RequestError and UnsupportedError."""
        role = known_role(message.role, _ROLES, self._notes.warn, f"{path}/role")
        if isinstance(message.content, str):
            self._begin(role, Origin(path))["content"] = message.content
            return
        self._open = False
        before = len(self.messages)
        for number, block in enumerate(message.content):
            self._add_block(role, block, f"{path}/content/{number}")
        if len(self.messages) == before:
            self._begin(role, Origin(path))["content"] = ""

    def _add_block(self, role: str, block: JsonObject, path: str) -> None:
        kind = block_kind(block, path)
        if (add := _BLOCKS.get(kind)) is not None:
            add(self, role, block, path)
        elif role != "assistant" or is_known(kind):
            self._add_parts(role, block, path)
        else:
            leave_out(kind, path, self._notes, "this type is unknown")

    # -- the model's blocks: reasoning and text precede the calls; whatever follows a call begins a new message --

    def _add_thinking(self, role: str, block: JsonObject, path: str) -> None:
        message = self._message("assistant", path)
        body = read_block(ThinkingBlock, block, path, self._notes.warn)
        thinking = body.thinking or omitted_thinking(body.signature)
        if thinking is None and body.signature:
            leave_out("thinking", path, self._notes, "the answer of another server omitted it")
        message["reasoning_content"] = message.get("reasoning_content", "") + (thinking or "")

    def _add_call(self, role: str, block: JsonObject, path: str) -> None:
        call = read_block(ToolUseBlock, block, path, self._notes.warn)
        message = self._message("assistant", path, call=True)
        if not call.name:
            leave_out(block_kind(block, path), path, self._notes, "it has no name")
            return
        calls = message.setdefault("tool_calls", [])
        place, places = f"{self._last()}/tool_calls/{len(calls)}", self._notes.places
        # Text is what was left of truncated arguments.
        arguments = call.input if isinstance(call.input, str) else json_text(call.input, f"{path}/input")
        function = {"name": call.name, "arguments": arguments}
        calls.append({"id": call.id, "type": "function", "function": function, "namespace": call.server_name})
        places.add(place, Origin(path))
        places.add(f"{place}/function", Origin(path))
        places.add(f"{place}/function/arguments", Origin(f"{path}/input", whole=True))

    # -- results --

    def _add_result(self, role: str, block: JsonObject, path: str) -> None:
        result = read_block(ToolResultBlock, block, path, self._notes.warn)
        # Chat messages have no other way to mark an error.
        content: list[JsonObject] = [{"type": "text", "text": "Error: "}] if result.is_error else []
        self._begin("tool", Origin(path)).update(tool_call_id=result.tool_use_id, content=content)
        self._notes.places.add(f"{self._last()}/tool_call_id", Origin(f"{path}/tool_use_id"))
        if isinstance(result.content, str):
            content.append({"type": "text", "text": result.content})
        elif isinstance(result.content, dict):
            self._append_parts(result.content, f"{path}/content")
        else:
            for number, part in enumerate(result.content):
                self._append_parts(part, f"{path}/content/{number}")

    # -- changes of the tools --

    def _add_compaction(self, role: str, block: JsonObject, path: str) -> None:
        summary = read_block(CompactionBlock, block, path, self._notes.warn)
        message = self._message(role, path)
        if summary.content:
            self._append(message, {"type": "text", "text": summary.content}, path)
        elif not summary.tool_changes:
            leave_out("compaction", path, self._notes, "it has no content, because no summary could be made")
        for number, change in enumerate(summary.tool_changes):
            self._add_tool_change(role, change, f"{path}/tool_changes/{number}")

    def _add_tool_change(self, role: str, block: JsonObject, path: str) -> None:
        changed, place = read_block(ToolChangeBlock, block, path, self._notes.warn).tool, f"{path}/tool"
        # Not the model's own words.
        speaker = "system" if role == "assistant" else role
        if changed.type == "tool_reference" and block_kind(block, path) == "tool_removal":
            self._notes.removed_tools.add(changed.name)
            text = f"[The tool {changed.name} is no longer available.]"
            self._append(self._message(speaker, path), {"type": "text", "text": text}, place)
        elif changed.type == "tool_reference":
            self._notes.removed_tools.discard(changed.name)
            message = self._message(speaker, path)
            self._append(message, {"type": "tool_reference", "tool_name": changed.name}, place)
        elif changed.type == "tool_definition":
            self._define_tool(role, changed, path)
        else:
            leave_out(changed.type, place, self._notes, "tools of MCP servers are called by the client; send a definition")

    def _define_tool(self, role: str, changed: ChangedTool, path: str) -> None:
        message = self._message("system" if role == "assistant" else role, path)
        place = f"{path}/tool/definition"
        tool = read_body(ToolBody, changed.definition, place)
        self._notes.removed_tools.discard(tool.name)
        add_tool(message.setdefault("tools", []), self._last(), tool, place, self._notes)

    # -- parts of a content --

    def _add_parts(self, role: str, block: JsonObject, path: str) -> None:
        self._message(role, path)
        self._append_parts(block, path)

    def _append_parts(self, block: JsonObject, path: str) -> None:
        """Append the parts of a block to the last message's content."""
        for part in parts_of(block, path, self._notes):
            self._append(self.messages[-1], part.value, part.path)

    def _append(self, message: JsonObject, part: JsonObject, path: str) -> None:
        content = message.setdefault("content", [])
        place, places = f"{self._last()}/content/{len(content)}", self._notes.places
        content.append(part)
        places.add(place, Origin(path, whole=True))
        if part["type"] == "image_url":
            places.add(f"{place}/image_url", Origin(f"{path}/source", whole=True))

    # -- messages --

    def _message(self, role: str, path: str, *, call: bool = False) -> JsonObject:
        """Return the message of a role that takes the block at `path`. `call`: the block is a call."""
        if not self._open or self.messages[-1]["role"] != role or (not call and self.messages[-1].get("tool_calls")):
            self._begin(role, Origin(path, whole=True))
        self._open = True
        return self.messages[-1]

    def _begin(self, role: str, origin: Origin) -> JsonObject:
        self.messages.append({"role": role})
        self._notes.places.add(self._last(), origin)
        return self.messages[-1]

    def _last(self) -> str:
        return f"/messages/{len(self.messages) - 1}"


def _without_changing_header(text: str) -> str:
    """Return the system prompt without a line at its beginning that changes with each request."""
    return text.partition("\n")[2].lstrip("\n") if text.startswith(messages.CHANGING_HEADERS) else text


AddBlock = Callable[[BlockConversation, str, JsonObject, str], None]

_BLOCKS: Mapping[str, AddBlock] = {
    "thinking": BlockConversation._add_thinking,
    **dict.fromkeys(messages.CALLS, BlockConversation._add_call),
    **dict.fromkeys(messages.RESULTS, BlockConversation._add_result),
    "compaction": BlockConversation._add_compaction,
    **dict.fromkeys(("tool_addition", "tool_removal"), BlockConversation._add_tool_change),
}
"""Type of a block → what adds it, with the role of its message. Others are parts of the content."""

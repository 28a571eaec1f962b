"""Messages of a chat request → the contract's messages."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from promptweave.facade.bodies.json_field import json_text
from promptweave.facade.bodies.source_map import Origin, SourceMap
from promptweave.facade.errors import RequestError
from promptweave.facade.openai.chat.request.body import ContentPart, Message, ToolCall
from promptweave.facade.openai.chat.request.pictures import read_image
from promptweave.facade.openai.chat.request.tools_to_grpc import tools_to_grpc
from promptweave.facade.policy.chat import IMAGE_OPTION
from promptweave.v1 import chat_pb2


def messages_to_grpc(messages: Sequence[Message], places: SourceMap) -> Iterator[chat_pb2.Message]:
    """Yield the messages, one for each. Raises RequestError and UnsupportedError."""
    for number, message in enumerate(messages):
        yield _message(message, f"/messages/{number}", places)


def _message(body: Message, path: str, places: SourceMap) -> chat_pb2.Message:
    content = [*_content(body.content, f"{path}/content", places)]
    if body.refusal:  # It is sent instead of the content, or after it.
        places.add(f"{path}/content/{len(content)}", Origin(f"{path}/refusal", whole=True))
        content.append(chat_pb2.ContentPart(text=body.refusal))
    return chat_pb2.Message(
        role=chat_pb2.Role.Value(f"ROLE_{body.role.upper()}"),
        content=content,
        name=body.name,
        tool_calls=[_call(call, f"{path}/tool_calls/{number}") for number, call in enumerate(body.tool_calls)],
        tool_call_id=body.tool_call_id,
        reasoning_content=body.reasoning_content or (body.model_extra or {}).get("reasoning"),
        tools=tools_to_grpc(body.tools, places, path),
    )


# -- content --


def _content(content: str | list[ContentPart] | None, path: str, places: SourceMap) -> Iterable[chat_pb2.ContentPart]:
    if isinstance(content, str):
        yield chat_pb2.ContentPart(text=content)
        return
    for number, part in enumerate(content or ()):
        yield _PARTS[part.type](part, f"{path}/{number}", places)


def _text(part: ContentPart, path: str, places: SourceMap) -> chat_pb2.ContentPart:
    return chat_pb2.ContentPart(text=part.text)


def _refusal(part: ContentPart, path: str, places: SourceMap) -> chat_pb2.ContentPart:
    return chat_pb2.ContentPart(text=part.refusal)


def _image(part: ContentPart, path: str, places: SourceMap) -> chat_pb2.ContentPart:
    at = f"{path}/image_url/url"
    places.add(f"{path}/image", Origin(at))
    image = read_image(part)
    if isinstance(image, str):
        raise RequestError(f"{image}; {IMAGE_OPTION}", path=at)
    return chat_pb2.ContentPart(image=image)


def _tool_reference(part: ContentPart, path: str, places: SourceMap) -> chat_pb2.ContentPart:
    places.add(f"{path}/tool_reference", Origin(path))
    places.add(f"{path}/tool_reference/name", Origin(f"{path}/tool_name"))
    return chat_pb2.ContentPart(tool_reference=chat_pb2.ToolReference(name=part.tool_name, namespace=part.namespace))


_PARTS: Mapping[str, Callable[[ContentPart, str, SourceMap], chat_pb2.ContentPart]] = {
    "text": _text,
    "refusal": _refusal,
    "image_url": _image,
    "tool_reference": _tool_reference,
}
"""Type of a content part → its translation, with the part's position. `unserved_parts.py` has replaced the others."""


# -- calls --


def _call(call: ToolCall, path: str) -> chat_pb2.ToolCall:
    # Some clients leave out the type of a custom call, which is otherwise "function".
    made = _CALLS["custom" if call.custom is not None else call.type](call, path)
    made.namespace = call.namespace
    return made


def _custom_call(call: ToolCall, path: str) -> chat_pb2.ToolCall:
    if call.custom is None:
        raise RequestError("a call of a custom tool requires a 'custom' object", path=f"{path}/custom")
    return chat_pb2.ToolCall(id=call.id, custom=chat_pb2.CustomCall(name=call.custom.name, input=call.custom.input))


def _function_call(call: ToolCall, path: str) -> chat_pb2.ToolCall:
    if call.function is None:
        raise RequestError("a tool call requires a 'function' object", path=f"{path}/function")
    arguments = call.function.arguments
    text = arguments if isinstance(arguments, str) else json_text(arguments, f"{path}/function/arguments")
    # Clients send "" back for a call without arguments.
    function = chat_pb2.FunctionCall(name=call.function.name, arguments=text if text.strip() else "{}")
    return chat_pb2.ToolCall(id=call.id, function=function)


_CALLS: Mapping[str, Callable[[ToolCall, str], chat_pb2.ToolCall]] = {
    "function": _function_call,
    "custom": _custom_call,
}
"""Type of a call → its translation, with the call's position."""

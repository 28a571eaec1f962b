"""`verbosity`: the length of the answer, requested by a sentence in the system message. No chat template has it."""

from collections.abc import Mapping

from promptweave.facade.bodies.source_map import Origin, SourceMap
from promptweave.v1 import chat_pb2, prompt_compiler_pb2

_SENTENCES: Mapping[str, str] = {
    "low": "Keep the answer short: only what is asked for, in as few words as possible.",
    "high": "Give a detailed and complete answer, with explanations.",
}
"""`medium` is what models do anyway."""

_SYSTEM = (chat_pb2.ROLE_SYSTEM, chat_pb2.ROLE_DEVELOPER)


def add_verbosity(request: prompt_compiler_pb2.CompileRequest, verbosity: str | None, places: SourceMap) -> SourceMap:
    """Add the sentence to the first message, or a system message before it; return the origins of the changed request."""
    sentence = _SENTENCES.get(verbosity or "")
    if sentence is None or not request.messages:
        return places
    first = request.messages[0]
    if first.role in _SYSTEM:
        places.add(f"/messages/0/content/{len(first.content)}", Origin("/verbosity", whole=True))
        first.content.add(text=f"\n\n{sentence}" if first.content else sentence)
        return places
    moved = SourceMap(places)
    moved.add("/messages/0", Origin("/verbosity", whole=True))
    for place in range(len(request.messages)):
        moved.add(f"/messages/{place + 1}", Origin(f"/messages/{place}"))
    own = chat_pb2.Message(role=chat_pb2.ROLE_SYSTEM, content=[chat_pb2.ContentPart(text=sentence)])
    request.messages.insert(0, own)
    return moved

"""The format of the answer, `response_format` or `grammar` in a chat request → the contract's."""

from collections.abc import Callable, Mapping

from promptweave.facade.bodies.json_field import json_text
from promptweave.facade.bodies.source_map import Origin, SourceMap
from promptweave.facade.errors import RequestError
from promptweave.facade.openai.chat.request.body import ChatBody, ResponseFormat
from promptweave.v1 import chat_pb2

_PATH = "/response_format"
"""Its position, in both requests."""


def format_to_grpc(body: ChatBody, places: SourceMap) -> chat_pb2.ResponseFormat | None:
    """Return the format; None if the request has none. Raises RequestError."""
    wanted = body.response_format
    if body.grammar is not None:
        if wanted is not None and wanted.type != "text":
            raise RequestError("response_format and grammar are mutually exclusive; send one of them", path="/grammar")
        places.add(f"{_PATH}/grammar", Origin("/grammar", whole=True))
        return _constrained("gbnf", body.grammar)
    return None if wanted is None else _FORMATS[wanted.type](wanted, places)


def text_grammar(syntax: str, definition: str) -> chat_pb2.TextGrammar:
    """Return the grammar. `syntax`: `gbnf`, `lark` or `regex`."""
    return chat_pb2.TextGrammar(syntax=chat_pb2.TextGrammar.Syntax.Value(f"SYNTAX_{syntax.upper()}"), definition=definition)


def _constrained(syntax: str, definition: str) -> chat_pb2.ResponseFormat:
    return chat_pb2.ResponseFormat(grammar=text_grammar(syntax, definition))


def _text(wanted: ResponseFormat, places: SourceMap) -> chat_pb2.ResponseFormat:
    return chat_pb2.ResponseFormat(text=chat_pb2.ResponseFormat.Text())


def _json_object(wanted: ResponseFormat, places: SourceMap) -> chat_pb2.ResponseFormat:
    return chat_pb2.ResponseFormat(json_object=chat_pb2.ResponseFormat.JsonObject())


def _json_schema(wanted: ResponseFormat, places: SourceMap) -> chat_pb2.ResponseFormat:
    form, path = wanted.json_schema or wanted, f"{_PATH}/json_schema" if wanted.json_schema else _PATH
    places.add(f"{_PATH}/json_schema", Origin(path))
    if form.schema_ is None:
        raise RequestError("a format of type 'json_schema' requires a schema", path=f"{path}/schema")
    made = chat_pb2.ResponseFormat.JsonSchema(
        name=form.name, description=form.description, schema=json_text(form.schema_, f"{path}/schema"), strict=form.strict
    )
    return chat_pb2.ResponseFormat(json_schema=made)


def _regex(wanted: ResponseFormat, places: SourceMap) -> chat_pb2.ResponseFormat:
    path = f"{_PATH}/pattern"
    places.add(f"{_PATH}/grammar/definition", Origin(path))
    if wanted.pattern is None:
        raise RequestError("a format of type 'regex' requires a pattern", path=path)
    return _constrained("regex", wanted.pattern)


def _grammar(wanted: ResponseFormat, places: SourceMap) -> chat_pb2.ResponseFormat:
    path = f"{_PATH}/grammar"
    if wanted.grammar is None:
        raise RequestError("a format of type 'grammar' requires a grammar", path=path)
    if isinstance(wanted.grammar, str):
        places.add(f"{path}/definition", Origin(path))
        return _constrained("gbnf", wanted.grammar)
    return _constrained(wanted.grammar.syntax, wanted.grammar.definition)


_FORMATS: Mapping[str, Callable[[ResponseFormat, SourceMap], chat_pb2.ResponseFormat]] = {
    "text": _text,
    "json_object": _json_object,
    "json_schema": _json_schema,
    "regex": _regex,
    "grammar": _grammar,
}
"""Type of a format → its translation."""

"""Compile requests as protobuf."""

from promptweave.v1 import chat_pb2, prompt_compiler_pb2
from tests.support.compiler.templates import template


def inline(name: str = "tagged") -> prompt_compiler_pb2.TemplateRef:
    given = template(name)
    return prompt_compiler_pb2.TemplateRef(
        inline=prompt_compiler_pb2.Template(source=given.source, bos_token=given.bos_token, eos_token=given.eos_token)
    )


def request(**fields: object) -> prompt_compiler_pb2.CompileRequest:
    message = chat_pb2.Message(role=chat_pb2.ROLE_USER, content=[chat_pb2.ContentPart(text="weather?")])
    schema = '{"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}'
    tool = chat_pb2.Tool(function=chat_pb2.FunctionTool(name="get_weather", parameters=schema))
    given: dict[str, object] = {"template": inline(), "messages": [message], "tools": [tool], **fields}
    return prompt_compiler_pb2.CompileRequest(**given)  # type: ignore[arg-type]

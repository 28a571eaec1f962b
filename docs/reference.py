"""A hook of MkDocs: the reference, out of what it describes: the commands, the contract, the facade's OpenAPI document."""

import html
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from google.protobuf import descriptor_pb2
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from promptweave.cli.main import main
from promptweave.facade.app import openapi_document

ROOT = Path(__file__).parents[1]
OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./([^)\s]+)\)")
"""A link to a file of the repository that is not a page."""
KINDS = descriptor_pb2.FieldDescriptorProto


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for name, text in {"cli": commands(), "http": routes(), "grpc": contract()}.items():
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Files that are no pages are named, not linked: their place is the repository."""
    return OUTSIDE.sub(lambda link: link[1] if link[2].rstrip("/") in link[1] else f"{link[1]} (`{link[2]}`)", markdown)


def commands() -> str:
    """`--help` of each command."""
    top = click.Context(main, info_name="promptweave", max_content_width=110)
    parts = ["# The commands", "", _block(main.get_help(top))]
    for name in main.list_commands(top):
        command = main.get_command(top, name)
        assert command is not None
        with click.Context(command, info_name=name, parent=top, max_content_width=110) as context:
            parts += ["", f"## {name}", "", _block(command.get_help(context))]
    return "\n".join(parts)


def _block(text: str) -> str:
    return f"```text\n{text}\n```"


def routes() -> str:
    """The facade's routes, and the fields of their bodies."""
    document = openapi_document()
    lines = ["# The HTTP API", "", "A running facade has this as `/openapi.json`, and `/docs` to try it.", ""]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            lines += [f"## {method.upper()} {path}", "", operation.get("summary", ""), ""]
            content = operation.get("requestBody", {}).get("content", {})
            body = next(iter(content.values()), {}).get("schema", {})
            if "$ref" in body:
                name = body["$ref"].rpartition("/")[2]
                lines += [f"Body: `{name}`", "", "| field | type | |", "|---|---|---|"]
                for field, schema in document["components"]["schemas"][name].get("properties", {}).items():
                    lines.append(f"| `{field}` | {_cell(_kind(schema))} | {_cell(schema.get('description', ''))} |")
                lines.append("")
    return "\n".join(lines)


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(map(repr, schema["enum"]))
    return str(schema.get("type", "any"))


def _cell(text: str) -> str:
    return html.escape(" ".join(text.split()), quote=False).replace("|", "\\|")


def contract() -> str:
    """The services, messages and enums of `promptweave.v1`, with their comments."""
    buf = shutil.which("buf")
    if buf is None:
        raise SystemExit("buf reads the contract: pip install buf-bin")
    made = subprocess.run(
        [buf, "build", "--as-file-descriptor-set", "-o", "-#format=binpb"], cwd=ROOT, capture_output=True, check=True
    )
    found = descriptor_pb2.FileDescriptorSet.FromString(made.stdout)
    lines = ["# The contract over gRPC", "", "Package `promptweave.v1`; reflection is on.", ""]
    for file in sorted(found.file, key=lambda each: not each.service):
        if file.package == "promptweave.v1":
            lines += _File(file).lines()
    return "\n".join(lines)


class _File:
    """A `.proto` file: `said` are its comments by place, which is a path of numbers (descriptor.proto's)."""

    def __init__(self, file: descriptor_pb2.FileDescriptorProto) -> None:
        self.file = file
        self.said = {
            tuple(each.path): each.leading_comments or each.trailing_comments for each in file.source_code_info.location
        }

    def lines(self) -> Iterator[str]:
        yield from (f"## {Path(self.file.name).name}", "")
        for at, service in enumerate(self.file.service):
            yield from (f"### service {service.name}", "", self._comment(6, at), "")
            for place, method in enumerate(service.method):
                answer = ("stream " if method.server_streaming else "") + _type(method.output_type)
                yield from (
                    f"#### {method.name}({_type(method.input_type)}) → {answer}",
                    "",
                    self._comment(6, at, 2, place),
                    "",
                )
        for at, message in enumerate(self.file.message_type):
            yield from self._message(message, message.name, 4, at)
        for at, enum in enumerate(self.file.enum_type):
            yield from self._enum(enum, enum.name, 5, at)

    def _message(self, message: descriptor_pb2.DescriptorProto, name: str, *place: int) -> Iterator[str]:
        yield from (f"### {name}", "", self._comment(*place), "")
        if message.field:
            yield from ("| field | type | |", "|---|---|---|")
        for at, field in enumerate(message.field):
            said = _cell(self._comment(*place, 2, at))
            if field.HasField("oneof_index") and not field.proto3_optional:
                said = f"one of *{message.oneof_decl[field.oneof_index].name}*. {said}"
            yield f"| `{field.name}` | {_field(field)} | {said} |"
        yield ""
        for at, nested in enumerate(message.nested_type):
            if not nested.options.map_entry:
                yield from self._message(nested, f"{name}.{nested.name}", *place, 3, at)
        for at, enum in enumerate(message.enum_type):
            yield from self._enum(enum, f"{name}.{enum.name}", *place, 4, at)

    def _enum(self, enum: descriptor_pb2.EnumDescriptorProto, name: str, *place: int) -> Iterator[str]:
        yield from (f"### {name}", "", self._comment(*place), "", "| value | |", "|---|---|")
        for at, value in enumerate(enum.value):
            yield f"| `{value.name}` | {_cell(self._comment(*place, 2, at))} |"
        yield ""

    def _comment(self, *place: int) -> str:
        """As text of Markdown: what looks like HTML in it is not."""
        lines = [line.removeprefix(" ") for line in self.said.get(place, "").splitlines()]
        return html.escape("\n".join(lines), quote=False)


def _type(name: str) -> str:
    return name.removeprefix(".promptweave.v1.").removeprefix(".")


def _field(field: descriptor_pb2.FieldDescriptorProto) -> str:
    kind = _type(field.type_name) if field.type_name else KINDS.Type.Name(field.type).removeprefix("TYPE_").lower()
    many = "repeated " if field.label == KINDS.LABEL_REPEATED else "optional " if field.proto3_optional else ""
    return f"{many}{kind}"

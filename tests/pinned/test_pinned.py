"""Pins the public interface: what is in the JSON files beside this test must keep working. Additions are allowed.

    pytest tests/pinned                        checks the current code against the files
    PROMPTWEAVE_PIN=1 pytest tests/pinned      writes the files again from the current code

Read the diff after regenerating: added lines are additions to the interface; a removed or changed line breaks somebody.

| file             | what it pins                                                                                     |
|------------------|--------------------------------------------------------------------------------------------------|
| commands.json    | commands, and every spelling of every option: default, type, environment variables               |
| environment.json | environment variables by command, each with the default of its option                            |
| exit_codes.json  | exit codes of commands for good and bad input                                                     |
| jsonl.json       | keys of the JSON that commands write to stdout, and of log lines with PROMPTWEAVE_LOG_FORMAT=json |
| proto.json       | promptweave.v1: services, methods, messages, field numbers, enums, by Python module              |
| python.json      | the Python API and the console script                                                            |
| errors.json      | the HTTP status, `type` and `code` of each gRPC code with each `ERROR_REASON_*` in use           |
| http_errors.json | error responses of a running facade: status, body, headers                                       |
| grpc_errors.json | the details of gRPC errors of the running services                                               |
| routes.json      | HTTP routes of the facade and of the services' admin ports, and gRPC health check names          |
| metrics.json     | Prometheus metrics of each service, with types and labels                                        |

Services run as processes, started by the command line, so the test does not depend on how the code inside is arranged.
"""

import importlib
import inspect
import json
import os
import pkgutil
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click
import grpc
import httpx
import pytest
from click.testing import CliRunner
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, FileDescriptor
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from prometheus_client.parser import text_string_to_metric_families

import promptweave
import promptweave.compiler
import promptweave.v1
from promptweave.cli.main import main
from promptweave.v1 import error_reason_pb2, inference_pb2, inference_pb2_grpc, prompt_compiler_pb2, prompt_compiler_pb2_grpc

# The only internal names that this test needs. Change these lines when the names move.
from promptweave.errors import Code, PromptweaveError  # isort: skip
from promptweave.facade.anthropic.errors import anthropic_error  # isort: skip
from promptweave.facade.errors import to_http  # isort: skip
from tests.support.serving import running  # isort: skip

HERE = Path(__file__).parent
PIN = bool(os.environ.get("PROMPTWEAVE_PIN"))
TIMEOUT_S = 30.0


def pinned(name: str) -> Any:
    """Returns what the golden file holds."""
    path = HERE / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def check(name: str, current: Any) -> None:
    """Fails if anything that the golden file holds is missing or changed; writes the file if PROMPTWEAVE_PIN is set."""
    current = json.loads(json.dumps(current, default=str))
    if PIN:
        (HERE / f"{name}.json").write_text(formatted(current) + "\n", encoding="utf-8")
    assert pinned(name), f"tests/pinned/{name}.json is missing or empty"
    broken = [*differences(pinned(name), current, name)]
    assert not broken, "\n".join([f"{len(broken)} pinned parts of the public interface are missing or changed:", *broken])


def formatted(value: Any, indent: str = "") -> str:
    """Writes JSON for a diff: what fits in a line is a line."""
    line = json.dumps(value, sort_keys=True, ensure_ascii=False)
    if len(indent + line) <= 100 or not isinstance(value, dict | list):
        return line
    named = sorted(value.items()) if isinstance(value, dict) else [("", item) for item in value]
    inner = indent + "  "
    lines = [f"{inner}{json.dumps(key) + ': ' if key else ''}{formatted(item, inner)}" for key, item in named]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return "\n".join([opening, ",\n".join(lines), indent + closing])


def differences(was: Any, now: Any, place: str) -> Iterator[str]:
    """Yields a line for everything in `was` that `now` does not have. What only `now` has is an addition."""
    if isinstance(was, dict) and isinstance(now, dict):
        for key, value in was.items():
            if key in now:
                yield from differences(value, now[key], f"{place} › {key}")
            else:
                yield f"{place} › {key}: missing"
    elif isinstance(was, list) and isinstance(now, list):
        yield from (f"{place}: {item!r} is missing" for item in was if item not in now)
    elif was != now:
        yield f"{place}: was {was!r}, is {now!r}"


def test_additions_are_allowed_and_nothing_else() -> None:
    was = {"--old": {"default": 1, "variables": ["OLD"]}}
    now = {"--old": {"default": 1, "variables": ["NEW", "OLD"]}, "--new": {"default": 1}}
    assert [*differences(was, now, "commands")] == []
    gone = {"--old": {"default": 2, "variables": ["NEW"]}}
    assert [*differences({**was, "--gone": {}}, gone, "commands")] == [
        "commands › --old › default: was 1, is 2",
        "commands › --old › variables: 'OLD' is missing",
        "commands › --gone: missing",
    ]


# -- the command line --


def commands() -> Iterator[tuple[str, list[click.Parameter]]]:
    """Yields each command, and the group itself as "", with its parameters."""
    group = click.Context(main, info_name="promptweave", **main.context_settings)
    yield "", main.get_params(group)
    for name in main.list_commands(group):
        command = main.get_command(group, name)
        assert command is not None
        yield name, command.get_params(click.Context(command, parent=group))


def variables(param: click.Parameter) -> list[str]:
    """Returns the names of the environment variables that set a parameter."""
    return [param.envvar] if isinstance(param.envvar, str) else [*(param.envvar or ())]


def described(param: click.Parameter, *, value: bool = True) -> dict[str, Any]:
    """Describes a parameter. For a flag, `value` is what its spelling sets: `--no-x` may become the other side of `--x`."""
    info = param.to_info_dict()
    common = {"required": info["required"], "variables": variables(param)}
    if info.get("is_flag"):
        return {**common, "flag": True, "is the default": value == info["default"]}
    more = {"default": info["default"], "repeatable": info["multiple"], "values": info["nargs"], "type": info["type"]}
    return {**common, **more}


def test_commands() -> None:
    current: dict[str, Any] = {}
    for name, params in commands():
        options: dict[str, Any] = {}
        arguments = [param for param in params if isinstance(param, click.Argument)]
        for param in params:
            if isinstance(param, click.Option):
                options |= {spelling: described(param) for spelling in param.opts}
                options |= {spelling: described(param, value=False) for spelling in param.secondary_opts}
        numbered = {f"{number}": described(param) for number, param in enumerate(arguments, 1)}
        current[f"promptweave {name}".strip()] = {"options": options, "arguments": numbered}
    check("commands", current)


def test_environment_variables() -> None:
    check(
        "environment",
        {
            f"promptweave {name}": {
                variable: {"default": param.to_info_dict()["default"]} for param in params for variable in variables(param)
            }
            for name, params in commands()
            if name
        },
    )


UNIQUE = {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}, "required": ["a"]}
TOOL = {"type": "function", "function": {"name": "f", "strict": False, "parameters": UNIQUE}}
TEMPLATE = (
    "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}{% for part in m.content %}"
    "{{ part.text if part.type == 'text' else '<image>' }}{% endfor %}{% endif %}{% endfor %}"
)
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
PARTS = [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
REQUEST = {"messages": [{"role": "user", "content": "hi"}], "template": "{{ messages[0].content }}"}
CALLING = {**REQUEST, "tools": [TOOL], "tool_style": "hermes", "tool_choice": "required"}
WITH_IMAGE = {"messages": [{"role": "user", "content": PARTS}], "template": TEMPLATE}
CUSTOM = {**CALLING, "tools": [{"type": "custom", "custom": {"name": "g"}}]}


def command(*args: str, stdin: Any = "") -> tuple[int, str]:
    """Runs a command in this process; returns its exit code and stdout."""
    done = CliRunner().invoke(main, args, input=stdin if isinstance(stdin, str) else json.dumps(stdin))
    return done.exit_code, done.stdout


def answers(name: str, *lines: Any) -> list[Any]:
    """Returns what a command with `--jsonl` writes for these lines."""
    code, out = command(name, "--jsonl", stdin="".join(f"{json.dumps(line)}\n" for line in lines))
    assert code == 0
    return [json.loads(line) for line in out.splitlines()]


def keys(values: list[Any], place: str = "", below: dict[str, list[str]] | None = None) -> dict[str, list[str]]:
    """Returns the keys of all objects in JSON values, by place. The output syntax is left out: proto.json has its fields."""
    below = {} if below is None else below
    for value in values:
        if isinstance(value, dict):
            below[place or "."] = sorted({*below.get(place or ".", []), *value})
            for key, item in value.items():
                if key != "syntax":
                    keys([item], f"{place}.{key}", below)
        elif isinstance(value, list):
            keys(value, f"{place}[]", below)
    return below


def parse_lines() -> list[Any]:
    """Returns lines for `parse`: two kinds of calls, a value that breaks its schema, output without syntax, a bad line."""
    calling, custom = (answer["result"] for answer in answers("compile", CALLING, CUSTOM))
    call = '<tool_call>\n{"name": "%s", "arguments": {"%s": %s}}\n</tool_call>'
    texts = [(calling, call % ("f", "a", "[1]")), (custom, call % ("g", "input", '"x"'))]
    texts += [(calling, call % ("f", "a", "[1, 1]")), (calling, "no call")]
    return [{"compiled": compiled, "text": text, "finished": True} for compiled, text in texts] + [{}]


def test_json_output(live: "Live") -> None:
    template = HERE / "chat.jinja"
    compiled = answers("compile", REQUEST, CALLING, WITH_IMAGE, {})
    parsed = answers("parse", *parse_lines())
    schemas = answers("schema", {"schema": True}, {"schema": {"uniqueItems": True}, "strict": False}, {"schema": 3})
    inspected = json.loads(command("inspect", "--json", "--template", str(template))[1])
    refused = [answer["error"]["reason"] for answer in compiled + parsed + schemas if "error" in answer]
    logged = [line for line in live.log() if {"method", "path", "status"} <= line.keys()]
    check(
        "jsonl",
        {
            "promptweave compile --jsonl": keys(compiled),
            "promptweave parse --jsonl": keys(parsed),
            "promptweave schema --jsonl": keys(schemas),
            "reasons of the bad lines": refused,
            "promptweave compile": keys([json.loads(command("compile", stdin=CALLING)[1])]),
            "promptweave inspect --json": keys([inspected]),
            "PROMPTWEAVE_LOG_FORMAT=json promptweave serve: ready": keys([live.ready]),
            "PROMPTWEAVE_LOG_FORMAT=json promptweave inference: ready": keys([live.second]),
            "PROMPTWEAVE_LOG_FORMAT=json: access log": keys(logged),
        },
    )


def test_exit_codes() -> None:
    runs: dict[str, tuple[tuple[str, ...], Any]] = {
        "help": (("--help",), ""),
        "version": (("--version",), ""),
        "no such command": (("nothing",), ""),
        "no such option": (("schema", "--nothing"), ""),
        "schema": (("schema",), True),
        "schema that is refused": (("schema",), {"uniqueItems": True}),
        "schema that is not JSON": (("schema",), "{"),
        "compile": (("compile",), REQUEST),
        "compile a bad request": (("compile",), {}),
        "parse without --compiled": (("parse",), ""),
        "inspect without a template": (("inspect",), ""),
    }
    check("exit_codes", {name: command(*args, stdin=stdin)[0] for name, (args, stdin) in runs.items()})


# -- promptweave.v1 and the Python API --


def files() -> Iterator[tuple[str, FileDescriptor]]:
    """Yields the modules of promptweave.v1 with messages, and their descriptors."""
    for found in pkgutil.iter_modules(promptweave.v1.__path__, "promptweave.v1."):
        module = importlib.import_module(found.name)
        if isinstance(file := getattr(module, "DESCRIPTOR", None), FileDescriptor):
            yield found.name, file


def field(each: FieldDescriptor) -> dict[str, Any]:
    """Describes a field."""
    of = each.message_type or each.enum_type
    oneof = each.containing_oneof
    return {
        "number": each.number,
        "json name": each.json_name,
        "type": of.full_name if of else next(name for name, n in vars(FieldDescriptor).items() if is_type(name, n, each)),
        "repeated": each.is_repeated,
        "presence": each.has_presence,
        "oneof": oneof.name if oneof and not oneof.name.startswith("_") else None,
    }


def is_type(name: str, number: Any, each: FieldDescriptor) -> bool:
    """Tells whether this is the name of a field's type, such as TYPE_STRING."""
    return name.startswith("TYPE_") and number == each.type


def enums(found: Iterable[EnumDescriptor]) -> dict[str, dict[str, int]]:
    """Describes enums."""
    return {enum.full_name: {value.name: value.number for value in enum.values} for enum in found}


def messages(found: Iterable[Descriptor]) -> Iterator[tuple[str, Any]]:
    """Describes messages, and those inside them."""
    for message in found:
        yield message.full_name, {each.name: field(each) for each in message.fields}
        yield from messages(message.nested_types)
        yield from enums(message.enum_types).items()


def test_proto() -> None:
    current: dict[str, Any] = {}
    for name, file in files():
        services = {
            service.full_name: {
                method.name: {
                    "request": method.input_type.full_name,
                    "response": method.output_type.full_name,
                    "streams": [method.client_streaming, method.server_streaming],
                }
                for method in service.methods
            }
            for service in file.services_by_name.values()
        }
        current[name] = {
            "package": file.package,
            "file": file.name,
            "services": services,
            "types": {
                **dict(messages(file.message_types_by_name.values())),
                **enums(file.enum_types_by_name.values()),
            },
        }
        if services:
            stubs = importlib.import_module(f"{name}_grpc")
            current[name]["grpc"] = sorted(kind for kind in vars(stubs) if kind.endswith(("Stub", "Servicer", "_to_server")))
    check("proto", current)


def test_python_api() -> None:
    compile_, error = promptweave.compiler.json_schema_to_gbnf, promptweave.compiler.SchemaError
    parameters = inspect.signature(compile_).parameters.values()
    schemas: dict[str, Any] = {"invalid": 3, "unsupported": {"uniqueItems": True}, "unsatisfiable": False}
    raised = {}
    for why, schema in schemas.items():
        with pytest.raises(error) as caught:
            compile_(schema)
        given = caught.value
        raised[why] = {"kind": given.kind, "pointer": given.pointer, "keyword": given.keyword, "reason": given.reason}
        raised[why] |= {"code": given.code.value, "why": type(given.why).__name__, "message": type(given.message).__name__}
    check(
        "python",
        {
            "promptweave.compiler": promptweave.compiler.__all__,
            "json_schema_to_gbnf": {
                each.name: {"kind": each.kind.name, "default": None if each.default is each.empty else each.default}
                for each in parameters
            },
            "json_schema_to_gbnf returns": type(compile_(True)).__name__,
            "SchemaError": raised,
            "SchemaError is a": [kind.__name__ for kind in error.__mro__ if kind.__module__ == "builtins"],
            "console scripts": [
                each.name for each in entry_points(group="console_scripts") if each.value.startswith("promptweave.")
            ],
        },
    )


# -- errors --


def errors(base: type[PromptweaveError] = PromptweaveError) -> Iterator[tuple[Code, str]]:
    """Yields the code and the reason of every error class."""
    for kind in base.__subclasses__():
        is_base = kind.reason == PromptweaveError.reason and kind.code is not PromptweaveError.code
        if kind.__module__.startswith("promptweave.") and not is_base:
            yield kind.code, kind.reason
        yield from errors(kind)


def test_error_codes() -> None:
    for found in pkgutil.walk_packages(promptweave.__path__, "promptweave."):
        importlib.import_module(found.name)  # Error classes are known once their modules are loaded.
    pairs = {*errors(), *((code, "ERROR_REASON_UNSPECIFIED") for code in Code)}
    pairs |= {(Code.INVALID_ARGUMENT, f"ERROR_REASON_SCHEMA_{kind}") for kind in ("INVALID", "UNSUPPORTED", "UNSATISFIABLE")}
    current = {"reasons": dict(error_reason_pb2.ErrorReason.items())}
    for code, reason in sorted(pairs, key=lambda pair: (pair[0].value, pair[1])):
        error = PromptweaveError("why")
        error.code, error.reason = code, reason
        for where in (None, "/messages"):
            error.path = where
            told = to_http(error, "req_1")
            anthropic = anthropic_error(told, "req_1")["error"]["type"]
            as_http = {"status": told.status, "type": told.type, "code": told.code, "anthropic type": anthropic}
            current[f"{code.value} {reason}{' with a path' if where else ''}"] = as_http
    check("errors", current)


# -- running services --


@dataclass(frozen=True)
class Live:
    """A running `promptweave serve`, and a second inference service in front of two endpoints that are not there."""

    http: httpx.Client
    """For its root."""
    ready: dict[str, Any]
    second: dict[str, Any]
    """What they write to stdout when they are ready."""
    admin: dict[str, str]
    """The URL of each admin port."""
    stderr: Path

    def log(self) -> list[dict[str, Any]]:
        """Returns the lines that it has logged."""
        lines = self.stderr.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


def free_address() -> str:
    """Returns an address that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


LIMIT = 100
KEYS = ("first", "second")


@pytest.fixture(scope="module")
def live(demo_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("pinned")
    admin = {name: free_address() for name in ("compiler", "inference", "second")}
    anywhere, env = "127.0.0.1:0", {"PROMPTWEAVE_LOG_FORMAT": "json", "PROMPTWEAVE_LOG_LEVEL": "debug"}
    serve = ["--port", "0", "--compiler-listen", anywhere, "--inference-listen", anywhere, "--session-dir", str(folder)]
    serve += ["--compiler-metrics", admin["compiler"], "--inference-metrics", admin["inference"]]
    serve += ["--embedding-model", str(demo_model), "--embedding-pooling", "mean", "--max-body-mib", "1"]
    serve += ["--requests-per-minute", str(LIMIT), *(part for key in KEYS for part in ("--api-key", key))]
    second = ["--listen", anywhere, "--metrics", admin["second"]]
    second += ["--endpoint", "http://127.0.0.1:1", "--endpoint", "http://127.0.0.1:2"]
    with ExitStack() as stack:
        stderr = stack.enter_context((folder / "stderr").open("w"))
        one, two = (
            json.loads(stack.enter_context(running(*args, until=r"\}\n", env=env, stderr=stderr))[1].splitlines()[-1])
            for args in (("serve", *serve), ("inference", *second))
        )
        headers = {"authorization": f"Bearer {KEYS[0]}"}
        root = str(one["openai_api"]).removesuffix("/v1")
        http = stack.enter_context(httpx.Client(base_url=root, headers=headers, timeout=TIMEOUT_S, trust_env=False))
        admin = {name: f"http://{address}" for name, address in admin.items()}
        yield Live(http, one, two, admin, folder / "stderr")


def test_logs_follow_the_environment(live: Live) -> None:
    live.http.get("/v1/models")
    assert any(line["level"] == "debug" for line in live.log())


def is_served(answer: httpx.Response) -> bool:
    """Tells whether there is such a route, whatever it makes of the request."""
    unknown = answer.status_code == 404 and b"unknown_url" in answer.content
    return not unknown and answer.status_code != 405


def test_routes(live: Live) -> None:
    found = live.http.get("/openapi.json").json()["paths"]
    facade = {f"{method.upper()} {path}" for path, operations in found.items() for method in operations}
    facade |= {*pinned("routes").get("facade", ()), "HEAD /"}
    served = []
    for route in sorted(facade):
        method, path = route.split()
        if is_served(live.http.request(method, path.replace("{", "").replace("}", ""))):
            served.append(route)
    assert not is_served(live.http.get("/v1/nothing"))
    assert not is_served(live.http.delete("/v1/models"))
    current = {"facade": served}
    for service in ("compiler", "inference"):
        paths = ("/metrics", "/health", "/ready")
        current[f"{service} --metrics"] = [
            path for path in paths if httpx.get(live.admin[service] + path).status_code != 404
        ]
    names = {"compiler": ["", "PromptCompilerService"], "inference": ["", "InferenceService", "InferenceService.Embed"]}
    for service, parts in names.items():
        with grpc.insecure_channel(live.ready[service]) as channel:
            ask = health_pb2_grpc.HealthStub(channel).Check
            for part in parts:
                name = f"promptweave.v1.{part}" if part else ""
                status = ask(health_pb2.HealthCheckRequest(service=name), timeout=TIMEOUT_S).status
                state = health_pb2.HealthCheckResponse.ServingStatus.Name(status)
                current.setdefault(f"{service} health", []).append(f"{name}: {state}")
    check("routes", current)


HELLO = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
SCHEMAS = {"invalid": {"type": 3}, "unsupported": {"uniqueItems": True}, "unsatisfiable": {"allOf": [False]}}
BAD: dict[str, tuple[str, str, Any]] = {
    "no such route": ("GET", "/v1/nothing", None),
    "wrong method": ("DELETE", "/v1/models", None),
    "no such model": ("GET", "/v1/models/nothing", None),
    "no such model for chat": ("POST", "/v1/chat/completions", {**HELLO, "model": "nothing"}),
    "not JSON": ("POST", "/v1/chat/completions", b"{"),
    "body too large": ("POST", "/v1/chat/completions", b" " * 2_000_000),
    "no messages": ("POST", "/v1/chat/completions", {}),
    "unsupported field": ("POST", "/v1/chat/completions", {**HELLO, "audio": {"voice": "x"}}),
    "context length": ("POST", "/v1/chat/completions", {"messages": [{"role": "user", "content": "word " * 60_000}]}),
    "no reranker": ("POST", "/v1/rerank", {"query": "x", "documents": ["y"]}),
    "no such response": ("GET", "/v1/responses/resp_nothing", None),
    "no such previous response": ("POST", "/v1/responses", {"input": "x", "previous_response_id": "resp_nothing"}),
    "bad message (Anthropic)": ("POST", "/v1/messages", {"messages": []}),
    "no such model (Anthropic)": ("POST", "/v1/messages", {**HELLO, "model": "nothing"}),
    "body too large (Anthropic)": ("POST", "/v1/messages", b" " * 2_000_000),
    **{
        f"schema that is {kind}": (
            "POST",
            "/v1/chat/completions",
            {
                **HELLO,
                "response_format": {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}},
            },
        )
        for kind, schema in SCHEMAS.items()
    },
}


def error_of(answer: httpx.Response) -> dict[str, Any]:
    """Describes an error response. Message and request id are texts that may change; their keys stay."""
    body = answer.json()
    return {
        "status": answer.status_code,
        "keys": sorted(body),
        "error": {**body["error"], "message": "..."},
        "headers": {name.lower() for name in answer.headers},
    }


def test_http_errors(live: Live) -> None:
    current: dict[str, dict[str, Any]] = {}
    for name, (method, path, body) in BAD.items():
        content = body if isinstance(body, bytes) else None
        current[name] = error_of(live.http.request(method, path, content=content, json=None if content else body))
    for name, path in {"no key": "/v1/models", "no key (Anthropic)": "/v1/messages"}.items():
        current[name] = error_of(live.http.get(path, headers={"authorization": "none"}))
    other = {"authorization": f"Bearer {KEYS[1]}"}
    for _ in range(LIMIT):
        assert live.http.get("/v1/responses/nothing", headers=other).status_code == 404
    current["too many requests"] = error_of(live.http.get("/v1/models", headers=other))
    common = set.intersection(*(error["headers"] for error in current.values()))
    for error in current.values():
        error["headers"] = sorted(error["headers"] - common)
    current["every error"] = {"headers": sorted(common - {"date", "server"})}
    check("http_errors", current)


def test_grpc_errors(live: Live) -> None:
    compiler: Callable[[grpc.Channel], Any] = prompt_compiler_pb2_grpc.PromptCompilerServiceStub
    inference: Callable[[grpc.Channel], Any] = inference_pb2_grpc.InferenceServiceStub
    sound = inference_pb2.TranscribeRequest(audio=b"x")
    unknown = prompt_compiler_pb2.CompileRequest(template=prompt_compiler_pb2.TemplateRef(content_hash="0" * 64))
    unknown.messages.add(role="ROLE_USER").content.add(text="x")
    calls = {
        "Compile nothing": ("compiler", compiler, "Compile", prompt_compiler_pb2.CompileRequest()),
        "Compile with an unknown template": ("compiler", compiler, "Compile", unknown),
        "CompileSchema": ("compiler", compiler, "CompileSchema", prompt_compiler_pb2.CompileSchemaRequest(schema="3")),
        "Transcribe": ("inference", inference, "Transcribe", sound),
    }
    current = {}
    for name, (service, stub, method, request) in calls.items():
        with grpc.insecure_channel(live.ready[service]) as channel, pytest.raises(grpc.RpcError) as caught:
            getattr(stub(channel), method)(request, timeout=TIMEOUT_S)
        status = rpc_status.from_call(caught.value)
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        for detail in status.details:
            _ = detail.Unpack(info) or detail.Unpack(bad)
        fields = [violation.field for violation in bad.field_violations]
        about = {"domain": info.domain, "reason": info.reason, "metadata": sorted(info.metadata), "fields": fields}
        current[name] = {"code": caught.value.code().name, **about}
    check("grpc_errors", current)


def metrics(text: str) -> dict[str, Any]:
    """Describes the metrics of a scrape: type and labels by the name of the sample, as queries name it."""
    current: dict[str, Any] = {}
    for family in text_string_to_metric_families(text):
        if not family.name.endswith("_created"):
            for sample in family.samples:
                current.setdefault(sample.name, {"type": family.type, "labels": set()})["labels"].update(sample.labels)
    return {name: {**what, "labels": sorted(what["labels"])} for name, what in current.items()}


def test_metrics(live: Live) -> None:
    assert live.http.post("/v1/chat/completions", json=HELLO).status_code == 200
    current = {"facade": metrics(live.http.get("/metrics").text)}
    for service, url in live.admin.items():
        current[service] = metrics(httpx.get(f"{url}/metrics").text)
    current["inference"] = {**current.pop("second"), **current["inference"]}
    check("metrics", current)

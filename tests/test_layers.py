"""Checks the layers of the design: which package may import which, and which modules may use gRPC."""

import ast
from collections.abc import Container, Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOTS = [ROOT / "proto", ROOT / "services", ROOT / "facade"]
SOURCES = sorted(path for root in ROOTS for path in (root / "promptweave").rglob("*.py") if "_pb2" not in path.name)

_SHARED = ("common", "errors", "gguf")
SHARED = {f"promptweave.{name}" for name in _SHARED}
BASE = SHARED | {"promptweave.v1", "promptweave.output"}
MAY_IMPORT = {
    # Package → the modules of promptweave that it may import besides itself.
    "output": {"promptweave.v1", "promptweave.common.cpu_limit", "promptweave.common.json_pointer"},
    "compiler": BASE | {"promptweave.rpc"},
    "inference": BASE | {"promptweave.rpc"},
    "rpc": {"promptweave.errors", "promptweave.common.tasks", "promptweave.common.tracing", "promptweave.v1"},
    "demo": SHARED,
    "common": SHARED,
    "gguf": SHARED,
    "facade": {"promptweave.v1", "promptweave.rpc", "promptweave.errors"}
    | {f"promptweave.common.{name}" for name in ("json_object", "json_pointer", "tasks", "tracing")},
}
"""The command line is not here: it puts everything together."""

MAY_USE_GRPC = {"rpc", "cli", "facade"}
"""Packages that may use gRPC and protobuf in any module; elsewhere only folders named `service` and `output/wire.py`."""


def imports(path: Path) -> Iterator[str]:
    """The modules that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module
            assert not node.level, f"{path}: write the whole name"
            yield node.module
            # `from promptweave.v1 import chat_pb2` imports a module, too.
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def package(path: Path) -> str:
    """The package below `promptweave`: "" for a module directly in it."""
    inner = path.relative_to(next(root for root in ROOTS if path.is_relative_to(root)) / "promptweave")
    return inner.parts[0] if len(inner.parts) > 1 else ""


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_sources_are_where_this_test_looks() -> None:
    assert set(map(package, SOURCES)) == {"", "cli", *MAY_IMPORT}


@pytest.mark.parametrize("root", ROOTS, ids=lambda root: root.name)
def test_the_namespace_is_shared(root: Path) -> None:
    # An `__init__.py` there would hide the other two roots.
    assert (root / "promptweave").is_dir()
    assert not (root / "promptweave" / "__init__.py").exists()


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_packages_import_only_what_their_layer_may(path: Path) -> None:
    layer = package(path)
    allowed = SHARED if layer == "" else MAY_IMPORT.get(layer, {"promptweave"}) | {f"promptweave.{layer}"}
    for module in imports(path):
        if module == "promptweave" or module.startswith("promptweave."):
            assert any(module == prefix or module.startswith(f"{prefix}.") for prefix in allowed), module


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_only_some_modules_use_grpc_and_protobuf(path: Path) -> None:
    knows = (
        package(path) in MAY_USE_GRPC or "service" in Path(name_of(path)).parts or name_of(path).endswith("output/wire.py")
    )
    wire = [
        module
        for module in imports(path)
        if module.split(".")[0] in ("grpc", "grpc_status", "grpc_health", "grpc_reflection")
        or module.startswith(("google.protobuf", "google.rpc"))
        or "_pb2" in module
    ]
    assert knows or not wire


def _modules() -> dict[str, Path]:
    """Module → file."""
    found = {}
    for path in SOURCES:
        parts = path.relative_to(next(root for root in ROOTS if path.is_relative_to(root))).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _box(module: str, path: Path) -> str:
    """The folder of a module. Where folders lie beside modules, each module counts as one of its own."""
    mixed = any((beside / "__init__.py").is_file() for beside in path.parent.iterdir())
    return module if mixed or path.name == "__init__.py" else module.rpartition(".")[0]


def test_folders_have_no_import_cycles() -> None:
    modules = _modules()
    arrows: dict[str, set[str]] = {}
    for module, path in modules.items():
        box = _box(module, path)
        known = arrows.setdefault(box, set())
        known |= {_box(other, modules[other]) for other in imports(path) if other in modules}
        # `from promptweave.compiler.styles import hermes` names the package on its way to a module: no arrow of its own.
        known -= {box} | {other for other in known if box.startswith(f"{other}.")}
    TopologicalSorter(arrows).prepare()  # Raises CycleError, which names them.


def test_compiling_does_not_need_the_explanation() -> None:
    modules, known = _modules(), set[str]()
    todo = ["promptweave.compiler.compile"]
    while todo:
        module = todo.pop()
        if module in modules and module not in known:
            known.add(module)
            todo += imports(modules[module])
    assert "promptweave.compiler.render.prompt" in known
    assert [module for module in known if "explain" in module or "provenance" in module] == []


def imported_files(path: Path, modules: Container[str]) -> Iterator[str]:
    """Yield the modules of promptweave that a file imports, under `TYPE_CHECKING` and in functions, too.

    A package counts if something of its `__init__.py` is imported, and not if it only names the way to a module.
    """
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                if name in modules or node.module in modules:
                    yield name if name in modules else node.module


def test_files_have_no_import_cycles() -> None:
    modules = _modules()
    TopologicalSorter({module: set(imported_files(path, modules)) for module, path in modules.items()}).prepare()


def test_imports_count_wherever_they_are(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        "import a.one\nif TYPE_CHECKING:\n    from a import two\ndef f():\n    from a import name\n    from b import other\n"
    )
    assert list(imported_files(path, {"a", "a.one", "a.two"})) == ["a.one", "a.two", "a"]


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 600


def test_most_files_are_very_short() -> None:
    lengths = sorted(len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES)
    assert lengths[len(lengths) // 2] < 150

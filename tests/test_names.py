"""Names: one meaning each, none of the standard library's, and none of the retired words. The pages that name code are true.

The lists of exceptions are exact: an entry that is no longer needed fails the test, so that they only shrink.
"""

import ast
import builtins
import collections.abc
import re
import typing
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[1]
PACKAGES = {
    path.name: path
    for root in ("services", "facade")
    for path in (ROOT / root / "promptweave").iterdir()
    if path.is_dir() and any(path.rglob("*.py"))
}
SERVICES = ("compiler", "inference", "output", "facade", "rpc", "cli")

DEFINED_TWICE = {
    # (service, type) → the number of modules, and the reason.
}

STANDARD = {
    name
    for name in (*dir(builtins), *typing.__all__, *collections.abc.__all__)
    if not name.startswith("_")  # `__doc__` and the like are every module's.
}
HIDING = {
    # "package/module.py name" → the reason.
}

RETIRED = {
    *("abilities", "appended", "asked", "asking", "beginnings", "bringing", "certain", "described", "enforced", "envelope"),
    *("exactly", "facts", "fit", "forced", "gate", "gets_on", "household", "kept", "let_in", "meant", "near", "normalise"),
    *("normalised", "onemodel", "opposite", "pace", "party", "passing", "patient", "published", "pulse", "rest", "rests"),
    *("same", "saw", "settled", "shown", "side_engines", "silenced", "stand_in", "strange", "tagged", "together", "told"),
    *("behaviour", "neighbours"),
    *("told_apart", "tokenise", "trouble", "turnend", "turn_end", "unserved", "watched", "what_may_come", "worth"),
}
"""Names of before issue 17, and bare participles and adverbs: as whole names, without regard to case and leading `_`."""
STILL_THERE = {
    # "package/module.py name" → why it may stay, or what to make of it.
}


Kind = Literal["type", "function", "value"]
_ALIAS = re.compile(r"_*[A-Z]\w*[a-z]")


@dataclass(frozen=True)
class Definition:
    """A type, a function or, at the top of a module, a value."""

    package: str
    module: str
    name: str
    kind: Kind
    is_top: bool

    def __str__(self) -> str:
        return f"{self.module} {self.name}"


def definitions(package: str) -> Iterator[Definition]:
    """Return what the modules of a package define. Values at the top whose names are in CamelCase are type aliases."""
    folder = PACKAGES[package]
    for path in sorted(folder.rglob("*.py")):
        module = str(path.relative_to(folder.parent))
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                kind: Kind = "type" if isinstance(node, ast.ClassDef) else "function"
                yield Definition(package, module, node.name, kind, node in tree.body)
        for node in tree.body:
            for name in _assigned(node):
                yield Definition(package, module, name, "type" if _ALIAS.match(name) else "value", is_top=True)


def _assigned(node: ast.stmt) -> list[str]:
    """Return the names that a statement assigns. Type variables are parameters, not types."""
    if isinstance(node, ast.AnnAssign):
        targets, value = [node.target], node.value
    elif isinstance(node, ast.Assign):
        targets, value = node.targets, node.value
    else:
        return []
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "TypeVar":
        return []
    return [target.id for target in targets if isinstance(target, ast.Name)]


ALL = [each for package in PACKAGES for each in definitions(package)]


def test_a_type_is_defined_in_one_module_of_its_service() -> None:
    places = {
        (each.package, each.name, each.module)
        for each in ALL
        if each.package in SERVICES and each.kind == "type" and each.is_top and not each.name.startswith("_")
    }
    counts = Counter((service, name) for service, name, _ in places)
    found = {key: count for key, count in counts.items() if count > 1}
    assert found == {key: count for key, (count, _) in DEFINED_TWICE.items()}


def test_a_limit_has_a_name_of_its_own() -> None:
    """`MAX_...` says what it bounds: two modules with the same name bound different things."""
    limits = Counter(
        node.id
        for folder in PACKAGES.values()
        for path in folder.rglob("*.py")
        for statement in ast.parse(path.read_text(encoding="utf-8")).body
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id.startswith("MAX_")
    )
    assert [name for name, count in limits.items() if count > 1] == []


def test_no_public_name_hides_one_of_the_standard_library() -> None:
    assert {str(each) for each in ALL if each.is_top and each.name in STANDARD} == HIDING.keys()


def test_retired_words_are_no_names() -> None:
    found = {str(each) for each in ALL if each.kind != "value" and each.name.strip("_").lower() in RETIRED}
    found |= {
        str(path.relative_to(folder.parent))
        for folder in PACKAGES.values()
        for path in (folder, *folder.rglob("*"))
        if path.suffix in ("", ".py") and path.stem.lower() in RETIRED
    }
    assert found == STILL_THERE.keys()


def test_the_glossary_names_what_exists() -> None:
    page = (ROOT / "docs/concepts.md").read_text(encoding="utf-8")
    defined = {(each.module, each.name) for each in ALL}
    rows = re.findall(r"^\| (.+?) \| `(\S+\.py)` \|", page, re.MULTILINE)
    assert len(rows) > 50
    unknown = [
        (module, name)
        for names, module in rows
        for name in re.findall(r"`(\w+)`", names)
        if (module, name) not in defined and not _has_attribute(module, name)
    ]
    assert unknown == []
    for word in re.findall(r"^\| (.+?) \| `\S+\.py` \|", page, re.MULTILINE):
        assert page.count(f"\n| {word} |") == 1, f"{word} stands there twice"


def _has_attribute(module: str, name: str) -> bool:
    """Return whether a class of the module has a field of that name."""
    folder = PACKAGES[module.partition("/")[0]].parent
    tree = ast.parse((folder / module).read_text(encoding="utf-8"))
    fields = (line for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for line in node.body)
    return any(name in _assigned(line) for line in fields)


def test_the_architecture_page_shows_the_folders() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    for folder in PACKAGES.values():
        assert f"`{folder.relative_to(ROOT)}`" in page, folder
    for name in re.findall(r"`((?:[\w-]+/)+[\w-]+\.(?:py|proto))`", page):
        assert list(ROOT.glob(name)) or list(ROOT.glob(f"*/promptweave/{name}")), name

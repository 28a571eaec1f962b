"""Example values of the types with which SDKs describe requests: TypedDicts, unions, literals."""

import collections.abc
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired, Required, TypeVar, Union, get_args, get_origin

from typing_extensions import get_type_hints, is_typeddict

_SIMPLE: dict[Any, tuple[Any, Any]] = {
    str: ("x", "y"),
    int: (1, 2),
    float: (0.5, 0.25),
    bool: (True, False),
    object: ("x", "y"),
    Any: ("x", "y"),
    type(None): (None, None),
    bytes: ("eA==", "eQ=="),
}
"""Two values of each simple type."""

_LISTS = (list, set, collections.abc.Iterable, collections.abc.Sequence)

Named = Mapping[str, Any]
"""Name of a field → its value, for texts that have a form, such as URLs."""


@dataclass(frozen=True)
class Variant:
    """A value of a type, with one alternative of one field of it. `pointer`: where the alternative is in the value."""

    pointer: str
    value: Any
    without: Any = None
    """The value without the field or, if it is required, with another text in it; None: there is no such value."""
    types: tuple[str, ...] = ()
    """The values of `type` of the objects that the alternative is in, from the outside."""


def alternatives(annotation: Any) -> Iterator[Any]:
    """Yield the members of a union, and of the unions in it; another type is its only member."""
    annotation = _bare(annotation)
    if get_origin(annotation) in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from alternatives(member)
    else:
        yield annotation


def example(annotation: Any, named: Named | None = None, *, other: bool = False, depth: int = 0) -> Any:
    """Return the smallest value of a type: required fields only, the first member of a union, one item in a list.

    `other`: with the other texts and numbers.
    """
    annotation = _bare(annotation)
    named = named or {}
    if annotation in _SIMPLE:
        return _SIMPLE[annotation][other]
    if is_typeddict(annotation):
        hints = get_type_hints(annotation, include_extras=True)
        return {
            key: _of_field(key, hint, named, other=other, depth=depth + 1)
            for key, hint in hints.items()
            if _is_required(annotation, hint)
        }
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return arguments[0]
    if origin in (Union, types.UnionType):
        return example(arguments[0], named, other=other, depth=depth)
    if origin in _LISTS:
        return [] if depth > 6 else [example(arguments[0], named, other=other, depth=depth + 1)]
    if isinstance(annotation, type) and hasattr(annotation, "model_fields"):
        fields = annotation.model_fields.items()
        return {
            field.alias or key: _of_field(key, field.annotation, named, other=other, depth=depth + 1)
            for key, field in fields
            if field.is_required()
        }
    return {}


def variants(annotation: Any, named: Named, inside: tuple[Any, ...] = ()) -> Iterator[Variant]:
    """Yield values of a type that together have each alternative of each field in it, at any depth."""
    annotation = _bare(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        for member in arguments:
            yield from variants(member, named, inside)
    elif is_typeddict(annotation):
        yield from _variants_of_object(annotation, named, inside)
    elif origin in _LISTS:
        for variant in variants(arguments[0], named, inside):
            without = None if variant.without is None else [variant.without]
            yield Variant(f"/0{variant.pointer}", [variant.value], without, variant.types)
    elif origin is Literal:
        yield from (Variant("", value) for value in arguments)
    else:
        value, other = example(annotation, named), example(annotation, named, other=True)
        yield Variant("", value, None if value == other else other)


def fields_of(annotation: Any) -> dict[str, Any]:
    """Return the fields of a TypedDict, with their types."""
    return {key: _bare(hint) for key, hint in get_type_hints(annotation, include_extras=True).items()}


def _variants_of_object(annotation: Any, named: Named, inside: tuple[Any, ...]) -> Iterator[Variant]:
    least = example(annotation, named)
    kind = least.get("type")
    kinds = (kind,) if isinstance(kind, str) else ()
    yield Variant("", least, None, kinds)
    if annotation in inside:
        return
    for key, hint in get_type_hints(annotation, include_extras=True).items():
        others = {name: value for name, value in least.items() if name != key}
        given = [Variant("", named[key])] if _has_form(key, hint, named) else variants(hint, named, (*inside, annotation))
        for variant in given:
            without = None if variant.without is None else {**others, key: variant.without}
            if not _is_required(annotation, hint) and variant.pointer == "":
                without = others
            yield Variant(f"/{key}{variant.pointer}", {**others, key: variant.value}, without, (*kinds, *variant.types))


def _of_field(key: str, hint: Any, named: Named, *, other: bool, depth: int) -> Any:
    return named[key] if _has_form(key, hint, named) else example(hint, named, other=other, depth=depth)


def _has_form(key: str, hint: Any, named: Named) -> bool:
    """Return whether the field can have the value in `named`, and is not an object of known fields, or a list of such."""
    if key not in named:
        return False
    value, members = named[key], list(alternatives(hint))
    if isinstance(value, list):
        return any(get_origin(member) in _LISTS and get_origin(get_args(member)[0]) is dict for member in members)
    if any(is_typeddict(member) or get_origin(member) in _LISTS for member in members):
        return False
    if isinstance(value, dict):
        return any(member is object or get_origin(member) in (dict, collections.abc.Mapping) for member in members)
    return any(member is type(value) or (get_origin(member) is Literal and value in get_args(member)) for member in members)


def _is_required(owner: Any, hint: Any) -> bool:
    """Return whether a field is required. `__required_keys__` does not know: the SDKs' annotations are strings."""
    origin = get_origin(hint)
    while origin is Annotated:
        hint = get_args(hint)[0]
        origin = get_origin(hint)
    return origin is Required or (owner.__total__ and origin is not NotRequired)


def _bare(annotation: Any) -> Any:
    """Return a type without `Required`, `Annotated` and names of aliases."""
    while True:
        origin = get_origin(annotation)
        if origin in (Required, NotRequired, Annotated):
            annotation = get_args(annotation)[0]
        elif isinstance(annotation, TypeVar):
            return Any
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        else:
            return annotation

"""Example values of the types with which SDKs describe requests: TypedDicts, unions, literals."""

import collections.abc
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NotRequired, Required, TypeVar, Union, get_args, get_origin

from typing_extensions import get_type_hints, is_typeddict

_SIMPLE: dict[Any, Any] = {str: "x", int: 1, float: 0.5, bool: True, object: "x", Any: "x", type(None): None, bytes: "eA=="}


def alternatives(annotation: Any) -> Iterator[Any]:
    """Yield the members of a union, and of the unions in it; another type is its only member."""
    annotation = _bare(annotation)
    if get_origin(annotation) in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from alternatives(member)
    else:
        yield annotation


def example(annotation: Any, *, depth: int = 0) -> Any:
    """Return the smallest value of a type: required fields only, the first member of a union, one item in a list."""
    annotation = _bare(annotation)
    if annotation in _SIMPLE:
        return _SIMPLE[annotation]
    if is_typeddict(annotation):
        hints = get_type_hints(annotation, include_extras=True)
        return {key: example(hint, depth=depth + 1) for key, hint in hints.items() if _is_required(annotation, hint)}
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return arguments[0]
    if origin in (Union, types.UnionType):
        return example(arguments[0], depth=depth)
    if origin in (list, set, collections.abc.Iterable, collections.abc.Sequence):
        return [] if depth > 6 else [example(arguments[0], depth=depth + 1)]
    if isinstance(annotation, type) and hasattr(annotation, "model_fields"):
        fields = annotation.model_fields.items()
        return {key: example(field.annotation, depth=depth + 1) for key, field in fields if field.is_required()}
    return {}


def fields_of(annotation: Any) -> dict[str, Any]:
    """Return the fields of a TypedDict, with their types."""
    return {key: _bare(hint) for key, hint in get_type_hints(annotation, include_extras=True).items()}


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

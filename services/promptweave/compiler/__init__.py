"""The prompt compiler: chat template + tools + response format → prompt, grammar, and how to read the output back.

Start reading at `compile.py`. For Python callers that want only the grammar of a JSON Schema:

    from promptweave.compiler import json_schema_to_gbnf, SchemaError
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptweave.compiler.errors import SchemaError
    from promptweave.compiler.json_schema.compile import json_schema_to_gbnf

__all__ = ["SchemaError", "json_schema_to_gbnf"]


def __getattr__(name: str) -> Any:
    # Loaded when asked for: processes that only start the compiler should not carry its libraries.
    if name == "json_schema_to_gbnf":
        from promptweave.compiler.json_schema.compile import json_schema_to_gbnf

        return json_schema_to_gbnf
    if name == "SchemaError":
        from promptweave.compiler.errors import SchemaError

        return SchemaError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

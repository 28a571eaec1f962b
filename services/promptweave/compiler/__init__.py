"""The prompt compiler: chat template + tools + response format → prompt, grammar, and the syntax for parsing the output.

Start reading at `compile.py`. Python callers that need only the grammar of a JSON Schema can use:

    from promptweave.compiler import json_schema_to_gbnf, SchemaError
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptweave.compiler.errors import SchemaError
    from promptweave.compiler.json_schema.compile import json_schema_to_gbnf

__all__ = ["SchemaError", "json_schema_to_gbnf"]


def __getattr__(name: str) -> Any:
    # Loaded on first use: processes that only start the compiler should not load its libraries.
    if name == "json_schema_to_gbnf":
        from promptweave.compiler.json_schema.compile import json_schema_to_gbnf

        return json_schema_to_gbnf
    if name == "SchemaError":
        from promptweave.compiler.errors import SchemaError

        return SchemaError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

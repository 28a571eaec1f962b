"""The prompt compiler: chat template + tools + response format → prompt, grammar, and the way to read the output.

The main path is `compile.py`; everything else here is one of its passes.
"""

from promptweave.compiler.compile_schema import json_schema_to_gbnf
from promptweave.compiler.errors import SchemaError

__all__ = ["SchemaError", "json_schema_to_gbnf"]

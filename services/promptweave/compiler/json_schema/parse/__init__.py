"""Parses a schema into nodes, one per subschema, and resolves references."""

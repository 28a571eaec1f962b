"""Code that all request bodies share: validation, source positions, unsupported parameters."""

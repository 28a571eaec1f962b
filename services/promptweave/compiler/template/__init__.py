"""Chat templates: the sandbox, limits, message shapes, and reading templates from GGUF files."""

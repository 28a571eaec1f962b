"""Chat templates: the sandbox, limits, message shapes, and reading them from GGUF files."""

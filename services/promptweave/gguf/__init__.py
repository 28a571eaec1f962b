"""Metadata and tokenizers of GGUF model files."""

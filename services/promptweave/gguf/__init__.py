"""Reads the metadata and the tokenizer of GGUF model files."""

"""Emits grammar values for schemas whose conditions are known."""

"""Emits grammars for schemas whose conditions are known."""

"""Grammars of the output: cached, and followed along the text that the engine generates."""

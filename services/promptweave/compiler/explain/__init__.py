"""Explains a compiled prompt: where its text and its grammar rules come from. Compiling does not need it."""

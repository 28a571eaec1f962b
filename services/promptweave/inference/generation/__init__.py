"""Generates messages: prompts, sampling, fast-forwarding, and reading the output as it streams."""

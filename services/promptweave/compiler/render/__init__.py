"""Renders the prompt, and tracks where its text comes from."""

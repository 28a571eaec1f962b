"""Renders the prompt."""

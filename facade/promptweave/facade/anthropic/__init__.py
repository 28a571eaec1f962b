"""Anthropic's Messages API: its bodies, routes and events."""

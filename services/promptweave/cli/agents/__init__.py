"""Coding agents, and how `promptweave launch` points them at a server."""

"""Parses model output incrementally and validates it."""

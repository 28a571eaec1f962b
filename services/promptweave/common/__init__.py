"""Helpers that every package may use: CPU limits, images, parent death, tasks, tracing."""

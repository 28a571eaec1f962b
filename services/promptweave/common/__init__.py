"""Helpers that every package may use: CPU limits, images, JSON pointers, parent death, tasks, tracing."""

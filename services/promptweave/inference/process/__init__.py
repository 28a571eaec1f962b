"""Starts and supervises child processes."""

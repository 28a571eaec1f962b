"""The commands of `promptweave`, one module per command."""

"""The Prompt Explorer: the static page at `/` and its routes."""

"""A request for a response: its body, items and tools, as a chat request."""

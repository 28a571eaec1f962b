"""The services' responses as a chat completion, complete or in chunks."""

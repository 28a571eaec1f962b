"""OpenAI's Responses API: items, events, and the store of responses."""

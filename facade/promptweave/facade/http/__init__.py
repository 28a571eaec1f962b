"""HTTP plumbing: middleware, API keys, rate limits, request bodies, server-sent events."""

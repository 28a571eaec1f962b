"""OpenAI's Chat Completions API: the request body, and translation to and from gRPC."""

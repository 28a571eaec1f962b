"""OpenAI's API, one package per resource."""

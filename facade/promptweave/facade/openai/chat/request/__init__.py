"""A chat request: its body, its form for all APIs, and the requests to the services that it becomes."""

"""Passes over the conversation, from the request's messages to what the template accepts."""

"""Passes over the conversation, from the request's messages to those that the template accepts."""

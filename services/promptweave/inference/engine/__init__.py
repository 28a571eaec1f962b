"""Engines: llama.cpp servers of our own or somewhere else, what they can do, and load balancing."""

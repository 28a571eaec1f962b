"""Engines: managed and external llama.cpp servers, their capabilities, and load balancing."""

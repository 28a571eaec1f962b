"""Queues for engine slots and for events, and the quarantine of grammars that crash the engine."""

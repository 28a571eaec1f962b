"""Fast-forwarding: text that the grammar forces is appended instead of sampled."""

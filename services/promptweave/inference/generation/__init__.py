"""Message generation: prompts, sampling, fast-forwarding, and parsing the output as it streams."""

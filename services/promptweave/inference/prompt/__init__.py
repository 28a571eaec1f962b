"""The prompt and the parameters of a generation, as the engine receives them."""

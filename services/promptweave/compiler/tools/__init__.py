"""The tools that a request makes available: their names for the model, and those that are loaded later."""

"""The demo model: a tiny GGUF with random weights. Its words are noise, so its structure comes from the grammar alone."""

"""Routes that are not OpenAI's: llama.cpp's own, and those of the prompt compiler."""

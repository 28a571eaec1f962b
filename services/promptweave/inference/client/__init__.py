"""HTTP client of llama.cpp's server."""

"""OpenAI's Embeddings API, and reranking."""

"""OpenAI's chat completions, legacy completions and embeddings."""

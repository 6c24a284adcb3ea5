"""OpenAI's Responses, as an upstream speaks them."""

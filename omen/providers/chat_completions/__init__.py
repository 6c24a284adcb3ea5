"""OpenAI's chat completions, as its own API and many others speak them."""

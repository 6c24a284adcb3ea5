"""What exists: providers, models, and what is known of them."""

"""What is seen of providers: health, first tokens, outcomes, load."""

"""What all HTTP doors share: requests in, races run, responses out."""

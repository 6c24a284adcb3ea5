"""Routes for operators: health, status, metrics, races, providers, usage."""

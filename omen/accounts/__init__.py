"""Who asks, and what it may: keys, limits, budgets."""

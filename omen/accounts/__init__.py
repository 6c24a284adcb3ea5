"""The accounts of callers: keys, limits, budgets."""

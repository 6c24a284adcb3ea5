"""What may be spent: on a request, by a key, at a provider, in a month."""

from omen.budget._budgets import Budgets
from omen.budget._months import MonthlyBudgets, Standing, current_month
from omen.budget._request import RequestBudget

__all__ = ["Budgets", "MonthlyBudgets", "RequestBudget", "Standing", "current_month"]

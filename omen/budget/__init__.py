"""What may be spent: on a request, by a key, at a provider, in a month."""

from omen.budget._budgets import Budgets
from omen.budget._calendar import current_month, month_of
from omen.budget._known import KnownMonths, SpendingUnknownError
from omen.budget._months import MonthlyBudgets, Standing, spent_under
from omen.budget._request import RequestBudget

__all__ = [
    "Budgets",
    "KnownMonths",
    "MonthlyBudgets",
    "RequestBudget",
    "SpendingUnknownError",
    "Standing",
    "current_month",
    "month_of",
    "spent_under",
]

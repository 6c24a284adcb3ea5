"""What may be spent: on a request, by a key, at a provider, in a month."""

from omen.accounts.budget._budgets import Budgets
from omen.accounts.budget._months import BudgetStatus, MonthlyBudgets, current_month
from omen.accounts.budget._request import RequestBudget
from omen.accounts.budget._share import MonthShare
from omen.accounts.budget._worst_case import WorstCase

__all__ = [
    "BudgetStatus",
    "Budgets",
    "MonthShare",
    "MonthlyBudgets",
    "RequestBudget",
    "WorstCase",
    "current_month",
]

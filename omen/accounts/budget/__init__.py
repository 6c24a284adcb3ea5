"""The budgets: of a request, of a key, of a provider and of a month."""

from omen.accounts.budget._budgets import Budgets
from omen.accounts.budget._calendar import current_month, month_of
from omen.accounts.budget._known import KnownMonths, SpendingUnknownError
from omen.accounts.budget._months import BudgetStatus, MonthlyBudgets, spent_under
from omen.accounts.budget._request import RequestBudget
from omen.accounts.budget._share import MonthShare
from omen.accounts.budget._worst_case import WorstCase

__all__ = [
    "BudgetStatus",
    "Budgets",
    "KnownMonths",
    "MonthShare",
    "MonthlyBudgets",
    "RequestBudget",
    "SpendingUnknownError",
    "WorstCase",
    "current_month",
    "month_of",
    "spent_under",
]

"""A PostgreSQL for tests that stop it."""

from tests.database.conftest import postgres

__all__ = ["postgres"]

"""A PostgreSQL for tests that stop it."""

from tests.ledger.database.conftest import postgres

__all__ = ["postgres"]

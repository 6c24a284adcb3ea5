"""The ledger: every attempt's row in a database, whatever the database does meanwhile."""

from omen.ledger._spool import Spool
from omen.ledger._writer import Ledger

__all__ = ["Ledger", "Spool"]

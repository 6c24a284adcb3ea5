"""The ledger: a row for every attempt in a database, also across failures of the database."""

from omen.ledger._spool import Spool
from omen.ledger._writer import Ledger

__all__ = ["Ledger", "Spool"]

"""Several processes on one machine that work as one gateway: a supervisor, and its workers.

The supervisor accepts no connection and serves no request. It binds the port, starts the workers,
which accept from the one socket, and starts each again that has ended. It keeps what workers share:
the store where no Redis is configured, the writer of the ledger, and the figures of workers that
have ended. Each worker has a link to it over a Unix socket; without the link it serves on.

    _supervisor   the processes; _backoff the pauses between them, _seat what each is given
    _hub          the supervisor's end of all links
    _uplink       a worker's end of its link
    _link         calls and notes over a connection; _frames their bytes
    _central      the store; _served_store its calls, _store the client
    _rows         rows of the ledger on their way to the one writer
"""

from omen.gateway.workers._central import CentralStore
from omen.gateway.workers._hub import Hub
from omen.gateway.workers._link import Handler, Handlers, LinkError, Result
from omen.gateway.workers._rows import HandedLedger, rows_handler
from omen.gateway.workers._seat import Seat, decode_files, encode_files, read_seat
from omen.gateway.workers._store import SocketStore
from omen.gateway.workers._supervisor import KILL_SECONDS, STOP_NOW, Supervisor, WorkerProcess
from omen.gateway.workers._uplink import Uplink

__all__ = [
    "KILL_SECONDS",
    "STOP_NOW",
    "CentralStore",
    "HandedLedger",
    "Handler",
    "Handlers",
    "Hub",
    "LinkError",
    "Result",
    "Seat",
    "SocketStore",
    "Supervisor",
    "Uplink",
    "WorkerProcess",
    "decode_files",
    "encode_files",
    "read_seat",
    "rows_handler",
]

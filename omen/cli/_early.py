"""Signals while the program is still being imported, which takes a second.

A supervisor that has OMEN reload may do so at any time, also right behind the start; SIGHUP by
default ends a process. Ctrl-C would print a traceback through half of the imports. So this is the
first thing that a command imports, and it imports next to nothing.
"""

import os
import signal
import sys

hung_up = False
"""Whether there was a SIGHUP that nobody has heeded yet."""


def note_hangup(*_: object) -> None:
    """Keep in mind that there was a SIGHUP."""
    global hung_up
    hung_up = True


def take_hangup() -> bool:
    """Return whether there was a SIGHUP before it could be heeded, and forget it."""
    global hung_up
    was, hung_up = hung_up, False
    return was


def take_over() -> None:
    """Have Ctrl-C raise `KeyboardInterrupt` again: there is something that handles it now."""
    if signal.getsignal(signal.SIGINT) is _leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave(*_: object) -> None:
    os._exit(130)


def _begin() -> None:
    # `-m` stands there while a module that is run that way is looked for.
    if os.path.basename(sys.argv[0]) not in ("omen", "-m"):
        return  # somebody imports this as a library
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    if sys.argv[1:2] == ["serve"]:
        signal.signal(signal.SIGHUP, note_hangup)


_begin()

"""The checks of `gate`: judges of the beginning of an answer, before it may win.

    of_request    which checks a request gets, with what it asks for
    _each         one function for each check
    _beginning    what of an answer the checks look at
    _fitting      whether the beginning of a JSON text can still become what a schema asks for
    _refusals     the words that refusals begin with
    _scripts      the scripts of a prompt and of an answer

Pure: no I/O and no clock. Each verdict costs at most 0.2 ms, because they look at the first
`_beginning.LONGEST` characters only.
"""

from omen.race.checks.of_request import checks_of

__all__ = ["checks_of"]

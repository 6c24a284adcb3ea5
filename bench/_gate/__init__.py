"""Parts of `python -m bench.gate`: answers that are good, and answers that are bad.

_openings     first sentences of good answers, written for this
_answers      whole answers with the requests that they are for
_scene        one race between scripted attempts
"""

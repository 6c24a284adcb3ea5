"""The error of a benchmark that cannot run at all."""


class BenchError(Exception):
    """The benchmark could not be run."""

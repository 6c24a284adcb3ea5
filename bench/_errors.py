"""The one way in which a benchmark fails as a whole."""


class BenchError(Exception):
    """The benchmark could not be run."""

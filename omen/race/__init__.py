"""The heart: an engine that runs strategies, and the attempts they open."""

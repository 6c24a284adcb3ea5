"""The pictures of the docs, drawn from runs of the gateway in virtual time."""

"""Bytes to and from upstreams: framing without I/O, and the only HTTP client of the gateway."""

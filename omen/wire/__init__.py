"""Bytes: framing without I/O, and the one place that speaks HTTP to upstreams."""

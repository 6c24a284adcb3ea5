"""The parts of `bench.cancel`: who leaves when, what the upstreams saw of it, and what it means."""

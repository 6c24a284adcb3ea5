"""Parts of `bench.kills`."""

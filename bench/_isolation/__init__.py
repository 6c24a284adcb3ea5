"""The attacks of `bench.isolation`, the upstream that plays them, and the stream beside them."""

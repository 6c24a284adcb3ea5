"""What `bench.workers` is made of: the balance of connections, and the throughput of workers."""

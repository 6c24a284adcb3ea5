"""The parts of `bench.overhead`: what is asked, what it costs, and whose cost it is."""

"""`python -m bench.soak`: hours of mixed traffic in minutes, and what is left of it.

Inside, imports go down:

    __main__      options, the run, the table
    _site         the gateway, its upstreams, its Redis and PostgreSQL, and what happens to them
    _traffic      clients of every door, and some that leave
    _figures      samples of the gateway, and the verdicts on them
"""

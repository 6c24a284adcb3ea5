"""`python -m bench.attack`: attacks on a gateway process, and whether it withstands them.

Inside, imports go down:

    __main__      options, the run, the table, the page
    load, books, entrance, truth    the attacks, in four groups
    _large, _floods, _sockets, _names    parts of load and entrance
    _rows         what an attack is
    _children     the processes beside the gateway: _blast (a load), _watch (an innocent client),
                  _backend (a fast upstream)
    _arena        a gateway process for one attack
    _upstream, _http    upstreams that misbehave; a client that speaks by hand
"""

"""The shell around the market core: time, identity, storage and protocols.

A request travels protocol -> tools -> service -> core -> store, and its answer back, never before the commit
that it depends on. `ports` is what the shell needs from outside; `bootstrap` alone chooses the real things.

    in          __main__, cli (a file per group of commands), config, bootstrap, stdio, protocol, mcp_resources
    tools       a file per who acts; `answers` has what they give back, `*_views` how it is said, `guide` the manual
    the loop    identity, arrivals and batch (what waits for the writer), service (the one writer), streams (states at
                hand), scheduler, asking and solver (what takes long), errors
    kept        ports, codec (events as JSON), projection (lists and notices), partners, stores, audit (the check)
"""

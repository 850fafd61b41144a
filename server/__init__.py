"""The shell around the market core: time, identity, storage and protocols.

A request travels protocol -> tools -> service -> core -> store, and its answer back, never before the commit
that it depends on. `ports` is what the shell needs from outside; `bootstrap` alone chooses the real things.
"""

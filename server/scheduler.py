"""Turns passed deadlines into commands: bidding that ended, demand and offers that lapsed.

What time has done holds whether or not it was recorded, so a late scheduler is harmless, and so are several:
the first to record wins, the others find nothing to do.
"""

import logging
from contextlib import suppress

import anyio

from market_core.commands import Lapse
from server.ports import EventStore, StoreBroken, StoreUnavailable
from server.projection import epoch
from server.service import Answer, Service

log = logging.getLogger("agent_market")
_TIDY = 200  # pieces of work at once,
_TIDY_PAUSE = 0.05  # seconds apart: what others ask for comes between
_LOOK_AGAIN = 30.0  # seconds; another process may have set a deadline that it did not live to see


async def keep_time(service: Service) -> None:
    """Carry out what is due, for ever."""
    while True:
        changed = service.new_deadline
        try:
            pause = await _carry_out_due(service)
        except (StoreUnavailable, StoreBroken) as error:
            log.warning("deadlines cannot be recorded now: %s", error)
            pause = _LOOK_AGAIN
        except Exception:
            log.exception("the scheduler failed; it goes on")
            pause = _LOOK_AGAIN
        with anyio.move_on_after(pause):
            await changed.wait()


async def _carry_out_due(service: Service) -> float:
    """Record what is due; return the seconds until the next deadline."""
    least = 0.01
    for stream in await service.store.due(epoch(service.clock.now())):
        try:
            await service.execute(Lapse(stream=stream), lambda _: Answer("", {}))
        except (StoreUnavailable, StoreBroken):
            raise
        except Exception:  # one bad stream must not stop the others
            log.exception("could not record the deadline of %s", stream)
            least = 1.0  # it is still due, and may fail again
    until = await service.store.next_until()
    if until is None:
        return _LOOK_AGAIN
    return min(max((until - epoch(service.clock.now())) / 1_000_000, least), _LOOK_AGAIN)


async def keep_tidy(store: EventStore) -> None:
    """Do what commits have put off, for ever, a little at a time."""
    while True:
        more = False
        with suppress(StoreUnavailable, StoreBroken):  # there is time
            more = await store.tidy(_TIDY)
        await anyio.sleep(_TIDY_PAUSE if more else _LOOK_AGAIN)

"""Tasks to agents without prices: as many tasks as possible to those who can do them, for embedding."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from market_core.canonical import digest
from market_core.mechanisms.assignment import assign
from market_core.values import agent_id, name_of


@dataclass(frozen=True, kw_only=True)
class Worker:
    """An agent that can be given tasks: what it can do, and how many tasks it takes at once (None: any number)."""

    agent: str
    capabilities: tuple[str, ...] = ()
    max_concurrent: int | None = None


def assign_tasks(
    tasks: Mapping[str, Iterable[str]], workers: Iterable[Worker], nonce: str = ""
) -> dict[str, str | None]:
    """Return who does each task, None where nobody is left: the greatest number of tasks that can be done at once.

    `tasks` names the capabilities that each task needs; names match however written. Among assignments that are
    equally good chance decides, drawn from `nonce` (any text; the same one gives the same assignment), never the
    order in which tasks or workers are given. Raises ValueError for an agent that is named twice or wrongly.

    >>> ann = Worker(agent="ann", capabilities=("go", "rust"), max_concurrent=1)
    >>> bob = Worker(agent="bob", capabilities=("Go",), max_concurrent=1)
    >>> assign_tasks({"parser": ["go"], "driver": ["rust"], "docs": ["poetry"]}, [ann, bob])
    {'parser': 'bob', 'driver': 'ann', 'docs': None}
    """
    given = list(workers)
    able = {agent_id(worker.agent): {name_of(name) for name in worker.capabilities} for worker in given}
    if len(able) < len(given):
        raise ValueError("an agent is named twice")
    names = sorted(tasks)
    capable = [
        sorted(agent for agent, can in able.items() if {name_of(need) for need in tasks[name]} <= can)
        for name in names
    ]
    capacity = {
        agent_id(worker.agent): worker.max_concurrent for worker in given if worker.max_concurrent is not None
    }
    found = assign(capable, capacity, lambda task, agent: digest(nonce, "\0", names[task], "\0", agent))
    done = dict(zip(names, found, strict=True))
    return {name: done[name] for name in tasks}

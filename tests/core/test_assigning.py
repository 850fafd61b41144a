"""Tasks to agents without prices: as many as possible, each agent within what it takes, never by the order given."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_core import Worker, assign_tasks


def most(tasks, workers):
    """Return the greatest number of tasks that can be done, by trying every assignment."""
    best = 0
    choices = [
        [None, *(w.agent for w in workers if set(needs) <= set(w.capabilities))] for needs in tasks.values()
    ]
    for chosen in product(*choices):
        used = [agent for agent in chosen if agent is not None]
        if all(w.max_concurrent is None or used.count(w.agent) <= w.max_concurrent for w in workers):
            best = max(best, len(used))
    return best


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.lists(st.sets(st.sampled_from(["go", "rust", "sql"]), max_size=2), max_size=4),
    st.lists(
        st.tuples(st.sets(st.sampled_from(["go", "rust", "sql"])), st.none() | st.integers(0, 2)), max_size=3
    ),
    st.randoms(use_true_random=False),
)
def test_as_many_tasks_are_done_as_can_be_whatever_the_order(needs, able, dice):
    tasks = {f"t{n}": sorted(need) for n, need in enumerate(needs)}
    workers = [
        Worker(agent=f"a{n}", capabilities=tuple(sorted(can)), max_concurrent=limit)
        for n, (can, limit) in enumerate(able)
    ]
    done = assign_tasks(tasks, workers, "n")
    assert sum(agent is not None for agent in done.values()) == most(tasks, workers)
    for worker in workers:
        mine = [name for name, agent in done.items() if agent == worker.agent]
        assert worker.max_concurrent is None or len(mine) <= worker.max_concurrent
        assert all(set(tasks[name]) <= set(worker.capabilities) for name in mine)
    shuffled = list(tasks.items())
    dice.shuffle(shuffled)
    dice.shuffle(workers)
    assert assign_tasks(dict(shuffled), workers, "n") == done


def test_among_equal_assignments_the_nonce_decides():
    workers = [Worker(agent=name) for name in ("ann", "bob", "carl")]
    winners = {assign_tasks({"t": []}, workers, f"{n}")["t"] for n in range(30)}
    assert winners == {"ann", "bob", "carl"}


def test_an_agent_is_named_once_and_rightly():
    with pytest.raises(ValueError, match="twice"):
        assign_tasks({}, [Worker(agent="ann"), Worker(agent="ann")])
    with pytest.raises(ValueError, match=r"an agent's id"):
        assign_tasks({}, [Worker(agent="a b")])

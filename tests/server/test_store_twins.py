"""Whatever is committed, in whatever order: both stores answer every question alike."""

import asyncio
import json
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from server.ports import (
    Ended,
    Lessened,
    Notice,
    Query,
    Reader,
    Recorded,
    Remembered,
    Snapshot,
    Summary,
    Transaction,
    Write,
    packed,
)
from server.stores.memory import MemoryStore
from server.stores.sqlite import SqliteStore

STREAMS = ("auction/a", "auction/b", "resource/r")
KINDS = ("auction", "bid", "demand", "agent")
WHO = ("ann", "bob", "")
IDS = ("a", "b", "c")
STATUSES = ("open", "closed", "standing", "")
TAGS = ("cap:x", "cap:y", "buyer:ann")

summaries = st.builds(
    Summary,
    kind=st.sampled_from(KINDS),
    id=st.sampled_from(IDS),
    stream=st.sampled_from(STREAMS),
    owner=st.sampled_from(WHO),
    parent=st.sampled_from((*IDS, "")),
    status=st.sampled_from(STATUSES),
    until=st.sampled_from((None, 1, 2, 3)),
    tags=st.lists(st.sampled_from(TAGS), unique=True).map(tuple),
    body=st.sampled_from(("{}", '{"é": 1}')),
).map(lambda row: row if row.kind in ("auction", "agent") else row._replace(tags=()))
notices = st.builds(
    Notice,
    topic=st.sampled_from((*WHO[:2], *IDS, "cap:x")),
    kind=st.sampled_from(("k", "l")),
    ref=st.just("r"),
    by=st.sampled_from(WHO),
    body=st.just("{}"),
    many=st.just(1),
)
in_one = st.builds(  # many notices
    lambda notice, numbers: notice._replace(
        body=packed('{"at":"now"}', '["n"]', [f"[{number}]" for number in numbers]), many=len(numbers)
    ),
    notices,
    st.lists(st.integers(0, 10**7), min_size=1, max_size=3),
)
keys = st.builds(
    Remembered,
    agent=st.sampled_from(WHO[:2]),
    key=st.sampled_from("kl"),
    fingerprint=st.just("f"),
    answer=st.sampled_from(("1", "2")),
)


@st.composite
def transactions(draw, sizes: dict[str, int]) -> Transaction:
    """A transaction that usually fits what came before (`sizes`), and sometimes does not."""

    def version(stream: str) -> int:
        return max(0, sizes[stream] + draw(st.sampled_from((0, 0, 0, 0, -1, 1))))

    writes = []
    for stream in draw(st.lists(st.sampled_from(STREAMS), unique=True, max_size=2)):
        expected, count = version(stream), draw(st.integers(1, 3))
        writes.append(
            Write(stream, expected, tuple(Recorded(expected + n, "{}", f"{n}") for n in range(1, count + 1)))
        )
        sizes[stream] = expected + count
    return Transaction(
        tuple(writes),
        tuple((stream, version(stream)) for stream in draw(st.lists(st.sampled_from(STREAMS), max_size=1))),
        tuple(draw(st.lists(summaries, max_size=3, unique_by=lambda row: (row.kind, row.id)))),
        tuple(draw(st.lists(notices | in_one, max_size=3))),
        draw(st.none() | keys),
    )


@st.composite
def histories(draw) -> list[list[Transaction]]:
    sizes = dict.fromkeys(STREAMS, 0)
    lengths = draw(st.lists(st.integers(1, 4), max_size=5))
    return [[draw(transactions(sizes)) for _ in range(length)] for length in lengths]


async def answers(store) -> list[object]:
    """Ask a store everything."""
    told: list[object] = [list(await store.streams()), await store.last_position(), await store.next_until()]
    told += [list(await store.load(stream, after)) for stream in STREAMS for after in (0, 2)]
    for kind, owner, parent, tag in product(KINDS, ("", "ann"), ("", "a"), ("", *TAGS)):
        told.append(await store.find(Query(kind, owner=owner, parent=parent, tag=tag, limit=2)))
    for kind, now, status, parent_status in product(
        KINDS, (0, 1, 2, 3), *[((), ("open",), ("closed", "standing"))] * 2
    ):
        told.append(await store.find(Query(kind, now=now, status=status, parent_status=parent_status)))
    told += [
        await store.find(Query(kind, before=before, id=i))
        for kind in KINDS
        for before in (None, 2)
        for i in IDS
    ]
    for topics, follows, after, limit in product(((), ("ann", "cap:x")), WHO, (None, 0, 3), (1, 10)):
        told.append(list(await store.notices(Reader(topics, follows), after, limit)))
    told += [list(await store.posted_after(after, limit)) for after in (0, 2) for limit in (1, 10)]
    told += [list(await store.due(now)) for now in (0, 1, 2, 3)]
    told += [await store.remembered(agent, key) for agent in WHO for key in "kl"]
    return told


async def compare(history: list[list[Transaction]]) -> None:
    memory, sqlite = MemoryStore(), SqliteStore(":memory:")
    try:
        for batch in history:
            assert await memory.commit(batch) == await sqlite.commit(batch)
            for store in (memory, sqlite):
                await store.save_snapshot(Snapshot(STREAMS[0], len(batch), "h", "1", "{}"))
        assert await answers(memory) == await answers(sqlite)
        for stream in STREAMS:
            assert await memory.snapshot(stream) == await sqlite.snapshot(stream)
            for known in (None, 0, 1):
                asked = {stream: known}
                assert dict(await memory.catch_up(asked)) == dict(await sqlite.catch_up(asked))
    finally:
        await sqlite.close()


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(histories())
def test_both_stores_give_the_same_answers_after_any_history(history):
    asyncio.run(compare(history))


ENTRIES = {"d0": "ann", "d1": "ann", "d2": "ann", "d3": "bob"}


def entry(name: str, status: str = "open", left: int = 9) -> Summary:
    return Summary(
        "demand", name, "resource/r", ENTRIES[name], "resource/r", status, None, (), f'{{"left":"{left}"}}'
    )


@st.composite
def fates(draw) -> list[Transaction | int]:
    """What becomes of entries: some are lessened, told anew or ended; a number is how much is tidied."""
    standing, made = set(ENTRIES), []
    for _ in range(draw(st.integers(1, 12))):
        what = draw(st.sampled_from(("lessened", "lessened", "told", "withdrawn", "ended", "tidied")))
        some = draw(st.lists(st.sampled_from(sorted(standing)), unique=True)) if standing else []
        if what == "tidied":
            made.append(draw(st.integers(1, 4)))
        elif what == "lessened":
            owners = {
                ENTRIES[name]: {n: draw(st.integers(1, 10**7)) for n in some if ENTRIES[n] == ENTRIES[name]}
                for name in some
            }
            rows = tuple(Lessened("demand", owner, json.dumps(left)) for owner, left in owners.items())
            made.append(Transaction((), lessened=rows))
        elif what == "ended":
            made.append(Transaction((), ended=(Ended("demand", "filled", tuple(some)),)))
        else:
            status = "open" if what == "told" else what
            made.append(
                Transaction(
                    (), summaries=tuple(entry(name, status, draw(st.integers(1, 8))) for name in some)
                )
            )
        if what in ("ended", "withdrawn"):
            standing -= set(some)
    return made


async def compare_fates(made: list[Transaction | int]) -> None:
    memory, sqlite = MemoryStore(), SqliteStore(":memory:")
    try:
        first = Transaction((), summaries=tuple(map(entry, ENTRIES)))
        for one in (first, *made):
            if isinstance(one, int):
                await sqlite.tidy(one)
            else:
                for store in (memory, sqlite):
                    await store.commit([one])
            for status in ((), ("open",), ("filled",)):
                query = Query("demand", status=status)
                assert await memory.find(query) == await sqlite.find(query)
    finally:
        await sqlite.close()


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(fates())
def test_what_is_put_off_is_seen_at_once_whatever_comes_after_it(made):
    asyncio.run(compare_fates(made))

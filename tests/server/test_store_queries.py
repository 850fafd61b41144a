"""What every store must find again: summaries, notices, deadlines."""

import pytest

from server.ports import Found, Notice, Page, Posted, Query, Reader, Summary, Transaction
from tests.server.test_store_contract import store

__all__ = ["store"]  # the fixture: both stores


def row(some_id: str, kind: str = "auction", **more) -> Summary:
    return Summary(kind, some_id, more.pop("stream", f"auction/{some_id}"), **more)


async def keep(store, *rows: Summary | Notice) -> None:
    """Commit rows, one transaction each, so that their order is theirs."""
    batch = [
        Transaction((), summaries=(row,)) if isinstance(row, Summary) else Transaction((), notices=(row,))
        for row in rows
    ]
    assert await store.commit(batch) == frozenset()


async def ids(store, kind: str = "auction", **more) -> list[str]:
    """Return the ids found, newest first, after checking that the total is their number."""
    page = await store.find(Query(kind, **more))
    assert page.total == len(page.found)
    return [found.summary.id for found in page.found]


# Summaries


async def test_a_summary_comes_back_whole(store):
    whole = row("a", owner="o", parent="p", status="open", until=5, tags=("cap:x", "cap:y"), body='{"é": 1}')
    await keep(store, whole)
    assert await store.find(Query("auction")) == Page((Found(1, whole, 0),), 1)


async def test_nothing_is_found_in_an_empty_store(store):
    assert await store.find(Query("auction", status=("open",), tag="t", parent_status=("open",))) == Page(
        (), 0
    )


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, ["d", "c", "b", "a"]),
        ({"id": "b"}, ["b"]),
        ({"owner": "ann"}, ["c", "a"]),
        ({"parent": "p"}, ["b", "a"]),
        ({"tag": "cap:x"}, ["d", "a"]),
        ({"tag": "cap:"}, []),
        ({"status": ("open",)}, ["c", "a"]),
        ({"status": ("open", "awarded")}, ["c", "b", "a"]),
        ({"owner": "ann", "parent": "p"}, ["a"]),
        ({"owner": "ann", "tag": "cap:x", "status": ("open",), "parent": "p"}, ["a"]),
        ({"owner": "bob", "tag": "cap:x"}, []),
    ],
)
async def test_summaries_are_found_by_every_field_and_by_several(store, query, wanted):
    await keep(
        store,
        row("a", owner="ann", parent="p", status="open", tags=("cap:x", "cap:y")),
        row("b", owner="bob", parent="p", status="awarded", tags=("cap:y",)),
        row("b", "bid", owner="ann", parent="p", status="open", tags=("cap:x",)),
        row("c", owner="ann", status="open"),
        row("d", owner="", status="cancelled", tags=("cap:x",)),
    )
    assert await ids(store, **query) == wanted


async def test_an_open_thing_counts_as_closed_from_its_until_on(store):
    await keep(
        store,
        row("never", status="open"),
        row("later", status="open", until=101),
        row("now", status="open", until=100),
        row("gone", status="open", until=1),
        row("recorded", status="closed", until=1),
        row("decided", status="awarded", until=1),
    )
    assert await ids(store, now=100, status=("open",)) == ["later", "never"]
    assert await ids(store, now=100, status=("closed",)) == ["recorded", "gone", "now"]
    assert await ids(store, now=101, status=("closed",)) == ["recorded", "gone", "now", "later"]
    assert await ids(store, now=100, status=("awarded",)) == ["decided"]


async def test_a_newer_summary_takes_the_place_of_the_one_before_in_everything_but_its_position(store):
    await keep(
        store,
        row("a", owner="ann", parent="p", status="open", until=5, tags=("old", "both"), body="{}"),
        row("b", owner="bob"),
    )
    new = row(
        "a", owner="eve", parent="q", status="closed", tags=("both", "new"), body='{"n": 1}', stream="x/y"
    )
    await keep(store, new)
    assert await store.find(Query("auction", id="a")) == Page((Found(1, new, 0),), 1)
    assert [await ids(store, tag=tag) for tag in ("old", "both", "new")] == [[], ["a"], ["a"]]
    assert [await ids(store, owner=owner) for owner in ("ann", "eve")] == [[], ["a"]]
    assert [await ids(store, parent=parent) for parent in ("p", "q")] == [[], ["a"]]
    assert await ids(store) == ["b", "a"]


@pytest.mark.parametrize("kind", ["auction", "award", "agent"])
async def test_a_summary_replaced_by_one_without_tags_is_no_longer_found_by_them(store, kind):
    await keep(store, row("a", kind, tags=("old",)), row("a", kind))
    assert await ids(store, kind, tag="old") == []
    assert await ids(store, kind) == ["a"]


async def test_bids_are_found_by_the_status_of_their_auction_at_this_moment(store):
    await keep(
        store,
        row("open", status="open", until=100),
        row("done", status="awarded"),
        row("gpu", "resource", status="open"),
        *(
            row(f"in-{parent}", "bid", parent=parent, owner="ann")
            for parent in ("open", "done", "gpu", "none")
        ),
    )
    assert await ids(store, "bid", now=99, parent_status=("open",)) == ["in-open"]
    assert await ids(store, "bid", now=100, parent_status=("open",)) == []
    assert await ids(store, "bid", now=100, parent_status=("closed", "awarded")) == ["in-done", "in-open"]
    assert await ids(store, "bid", now=99, owner="bob", parent_status=("open",)) == []


async def test_pages_follow_each_other_without_gap_or_overlap(store):
    await keep(store, *(row(f"a{n}", status="open" if n % 2 else "closed") for n in range(9)))
    await keep(store, row("a1", status="open", body='{"newer": 1}'))  # keeps its place
    seen, before = [], None
    for _ in range(3):
        page = await store.find(Query("auction", status=("open",), before=before, limit=3))
        assert page.total == 4
        seen.append([found.summary.id for found in page.found])
        before = page.found[-1].position if page.found else before
    assert seen == [["a7", "a5", "a3"], ["a1"], []]


async def test_a_thing_counts_its_standing_bids(store):
    await keep(
        store,
        row("a"),
        row("b"),
        row("1", "bid", parent="a", status="standing"),
        row("2", "bid", parent="a", status="standing"),
        row("3", "bid", parent="a", status="withdrawn"),
        row("4", "demand", parent="a", status="standing"),
        row("5", "bid", parent="b", status="standing"),
    )
    await keep(store, row("2", "bid", parent="a", status="withdrawn"))
    page = await store.find(Query("auction"))
    assert [(found.summary.id, found.children) for found in page.found] == [("b", 1), ("a", 1)]


# Notices


def told(*posted: Posted) -> list[tuple[int, str]]:
    return [(item.position, item.notice.kind) for item in posted]


async def test_notices_come_by_topic_in_order_each_once(store):
    everything = [
        Notice("ann", "n1", "a", "bob", '{"x": "é"}'),
        Notice("bob", "n2", "a", "ann"),
        Notice("cap:x", "n3", "a", "bob"),
        Notice("ann", "n4", "a", "ann"),
    ]
    await keep(store, *everything)
    mine = await store.notices(Reader(("ann", "cap:x", "ann")), None, 10)
    assert list(mine) == [Posted(1, everything[0]), Posted(3, everything[2]), Posted(4, everything[3])]
    assert told(*await store.notices(Reader(("ann",), "ann"), None, 10)) == [(1, "n1")]  # not what it caused
    assert list(await store.notices(Reader(()), None, 10)) == []
    assert list(await store.posted_after(0, 10)) == [Posted(n, it) for n, it in enumerate(everything, 1)]
    assert told(*await store.posted_after(1, 2)) == [(2, "n2"), (3, "n3")]
    assert await store.last_position() == 4


async def test_without_a_cursor_the_newest_are_told_and_with_one_the_next(store):
    await keep(store, *(Notice("ann", f"n{n}", "a", "bob") for n in range(1, 8)))
    reader = Reader(("ann",))
    assert told(*await store.notices(reader, None, 3)) == [(5, "n5"), (6, "n6"), (7, "n7")]
    assert told(*await store.notices(reader, 0, 3)) == [(1, "n1"), (2, "n2"), (3, "n3")]
    assert told(*await store.notices(reader, 3, 3)) == [(4, "n4"), (5, "n5"), (6, "n6")]
    assert told(*await store.notices(reader, 7, 3)) == []


@pytest.mark.parametrize(
    ("kind", "hears"), [("bid", True), ("demand", True), ("offer", True), ("award", False)]
)
async def test_an_agent_follows_what_it_has_something_in(store, kind, hears):
    await keep(
        store, row("mine", kind, owner="ann", parent="auction/a"), row("its", kind, owner="bob", parent="x")
    )
    await keep(store, Notice("auction/a", "closed", "a", "buyer"), Notice("x", "closed", "x", "buyer"))
    wanted = [(1, "closed")] if hears else []
    assert told(*await store.notices(Reader((), "ann"), None, 10)) == wanted
    await keep(store, row("mine", kind, owner="ann"))  # what has no parent any more is followed no more
    assert told(*await store.notices(Reader((), "ann"), None, 10)) == []


# Deadlines


async def test_streams_are_due_once_from_the_until_of_anything_open_in_them(store):
    await keep(
        store,
        row("a", "demand", stream="resource/z", status="open", until=100),
        row("b", "demand", stream="resource/z", status="open", until=90),
        row("c", stream="auction/c", status="open", until=100),
        row("d", stream="auction/d", status="open", until=101),
        row("e", stream="auction/e", status="closed", until=1),
        row("f", stream="auction/f", status="open"),
    )
    assert list(await store.due(89)) == []
    assert list(await store.due(99)) == ["resource/z"]
    assert list(await store.due(100)) == ["auction/c", "resource/z"]
    assert await store.next_until() == 90
    await keep(store, row("b", "demand", stream="resource/z", status="lapsed", until=90))
    assert (await store.next_until(), list(await store.due(99))) == (100, [])


async def test_without_anything_open_nothing_is_due(store):
    await keep(store, row("a", status="open"), row("b", status="closed", until=1))
    assert (await store.next_until(), list(await store.due(10**15))) == (None, [])

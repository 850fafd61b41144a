"""Stored events: every form comes back as it was, is canonical, and is never edited."""

import json
from dataclasses import MISSING, fields, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_core import events
from market_core.canonical import canonical
from market_core.handle import evolve, new_state
from market_core.terms import (
    Bonus,
    Condition,
    Constraints,
    Extension,
    Lot,
    OfferTier,
    Requirements,
    Schedule,
    Scoring,
    StandingBid,
    Threshold,
    Tier,
)
from server import codec
from tests.server.shell import NOON

D = Decimal
STANDING = StandingBid(cost=D("2.5"), estimated_time=60, quality=D("0.9"), max_concurrent=2)
EXPECTED = events.Expected("ann", D("0.9"), D("1.25"), D(1), D("2.5"), True)
FILL = events.Fill("dem_gpu_t1", "ann", D("2.5"), D("7.25"), "rationed", D("0.25"))
WINNER = events.Winner("ann", "bid_t1_t2", D("12.5"), D(14), D("-3.5"))
REQUIREMENTS = Requirements(
    capabilities=("code-review",),
    attributes={
        "language": Condition(equals="python"),
        "cores": Condition(min=4, max=64.5),
        "region": Condition(any_of=("eu", "us", 3), optional=True),
        "gpu": Condition(equals=True),
    },
)
SCORING = Scoring(
    time_price=D("0.01"),
    quality_price=D(5),
    attribute_bonus=(
        Bonus(attribute="gpu", bonus=D("0.5")),
        Bonus(attribute="x", bonus=D(1), when=Condition(min=1)),
    ),
)
ONE_OF_EACH = [
    events.AuctionCreated(
        NOON,
        "auc_t1",
        "buyer",
        "Review Ünicode",
        "two\nlines",
        REQUIREMENTS,
        D("99.5"),
        "second_price",
        SCORING,
        NOON + timedelta(seconds=60),
        ("ann", "acme/x"),
        "ab" * 32,
        "cd" * 32,
        "open",
        Extension(by=30, within=D("9.5"), min_decrement=D("0.25")),
        Schedule(start=1, step=2, every=3),
        "threshold",
        3,
        (Lot(id="roof", max_price=D("60.5")), Lot(id="walls")),
        "or",
        Constraints(max_winners=3, min_winners=2, max_share=D("0.5"), max_spend_share=1),
        "pay_as_bid",
        7,
        "pool_gpu_t1",
        ("ann",),
        D("0.9"),
    ),
    events.BidSubmitted(
        NOON + timedelta(microseconds=1),
        "bid_t1_t2",
        "ann",
        D("12.5"),
        D(60),
        D("0.9"),
        {"language": "python", "gpu": True, "cores": 8, "load": 0.5},
        "note",
        NOON + timedelta(hours=1),
        D("12.5"),
        "bid_t1_t0",
        "bob",
        events.UnitTerms(9, 2, (Tier(from_quantity=5, cost=D("0.25")),), "incremental"),
        ("roof", "walls"),
        4,
        D("0.75"),
        ("code-review",),
    ),
    events.BidWithdrawn(NOON, "bid_t1_t2", "ann"),
    events.DeadlineExtended(NOON, NOON + timedelta(seconds=30)),
    events.AuctionClosed(NOON, "market"),
    events.AuctionCancelled(NOON, after_closing=True),
    events.AuctionAwarded(
        NOON,
        (WINNER, events.Winner("bob", "bid_t1_t3", D(5), D(6), D(5), 4, ("roof",))),
        D("15.000001"),
        2,
        "ef" * 32,
        "lots/1",
        "pay_as_bid",
        3,
        ("walls",),
        events.Proof("feasible", D("0.5"), D("9.25"), "HiGHS"),
        events.Together(("auc_t1", "auc_t2"), {"ann": 2}),
        "carl",
        D("3600.5"),
        events.Basis("reliability/1", (EXPECTED,), replace(EXPECTED, agent=""), ("bob",)),
    ),
    events.WorkWon(
        NOON, "auc_t1", "ann", "buyer", D(14), D(60), ("code-review",), True, NOON + timedelta(seconds=3660)
    ),
    events.WorkDelivered(NOON, "auc_t1", "buyer", "ann", D("89.5"), "done", "pr/7"),
    events.WorkOverdue(NOON, "auc_t1", "buyer", ("ann", "bob")),
    events.OutcomeReported(
        NOON,
        "auc_t1",
        "buyer",
        "ann",
        True,
        D(90),
        D(1),
        "",
        "pr/7",
        D(14),
        D(60),
        None,
        ("code-review",),
        D("0.9"),
        NOON + timedelta(days=1),
        NOON + timedelta(days=3),
        D("-1.5"),
    ),
    events.OutcomeDisputed(NOON, "auc_t1", "buyer", "ann", "it is there"),
    events.OutcomeSettled(NOON, "auc_t1", "buyer", "ann", "market", True, False, D(90), D("0.5"), D(2)),
    events.OwnerObserved(NOON, "go", "ann", (D("1.5"), D(1))),
    events.PriorLearned(NOON, "go", 7, tuple(map(D, ("0.8", 5, "-0.1", 2, "0.25", 4, "0.9", 2, "0.04", 4)))),
    events.StandingChanged(NOON, "go", "ann", True),
    events.AgentRegistered(
        NOON, "ann", "fast", ("code-review",), {"language": "python"}, 3, {"code-review": STANDING}
    ),
    events.Granted(NOON, "ann", 3, D("2.5")),
    events.Vouched(NOON, "ann", True),
    events.ResourceDeclared(NOON, "GPU hours", "hour", True, "fair", "uniform", D(60), D("2.5")),
    events.DemandPosted(
        NOON,
        "dem_gpu_t1",
        "ann",
        "GPU hours",
        D("2.5"),
        None,
        NOON + timedelta(days=1),
        D("1.5"),
        3,
        D("0.5"),
    ),
    events.BundlePosted(
        NOON, "bun_gpu_1", "ann", "GPU", {"GPU": D(3), "memory": D("1.5")}, D(9), True, 4, NOON, -1, D("0.5")
    ),
    events.OfferPosted(
        NOON,
        "off_gpu_t2",
        "bob",
        "gpu-hours",
        D(4),
        D(0),
        None,
        D(2),
        (OfferTier(from_quantity=3, unit_price=8),),
    ),
    events.EntryWithdrawn(NOON, "dem_gpu_t1"),
    events.EntriesLapsed(NOON, ("dem_gpu_t1", "off_gpu_t2")),
    events.ClearingDue(NOON, NOON, "nothing"),
    events.ResourceCleared(
        NOON,
        "carl",
        D("2.9"),
        (FILL,),
        (FILL,),
        "clearing/2",
        "priority",
        "mcafee",
        (events.LeftOut("dem_gpu_t9", "bob", "minimum"),),
        D("0.5"),
        D("2.4"),
        events.Proof("optimal", D(0), D(-3), "branch and bound"),
    ),
    events.ClearingContinued(
        NOON,
        2,
        3,
        events.Fills(
            ("dem_gpu_t1", "dem_gpu_t3"),
            ("a", "b"),
            (1_500_000, 1),
            (4_350_000, 3),
            ("", "rationed"),
            (7, None),
        ),
        events.Fills(("off_gpu_t2",), ("s",), (1_500_001,), (4_350_003,), ("",), (0,)),
        (events.LeftOut("dem_gpu_t9", "bob", "minimum"),),
    ),
    events.BundlesCleared(
        NOON,
        "a",
        ("gpu", "memory"),
        "efficient",
        "vcg",
        {"gpu": D("1.5")},
        (events.BundleFill("bun_gpu_1", "b", D("1.5"), {"gpu": D(3)}, D(9), "rationed", D(1)),),
        (events.Fill("off_gpu_2", "s", D(3), D(9), "", D("0.5")),),
        (events.LeftOut("bun_gpu_3", "c", "lost"),),
        D(9),
        "bundles/1",
        events.Proof("optimal", D(0), D(3), "HiGHS"),
    ),
    events.PoolOpened(
        NOON,
        "pool_gpu_t1",
        "auc_t1",
        "carl",
        NOON + timedelta(seconds=60),
        ("dem_gpu_t1",),
        1,
        D("2.5"),
        Threshold(owners=1, quantity=D("2.5")),
        "uniform",
        "shapley",
    ),
    events.PoolCleared(
        NOON,
        "pool_gpu_t1",
        "auc_t1",
        D("2.9"),
        (FILL,),
        (events.Fill("bid_t1_t2", "sue", D(3), D("7.25")),),
        (events.LeftOut("dem_gpu_t9", "bob", "minimum"),),
        D("7.25"),
        D("0.5"),
        "pay_as_bid",
        "shapley",
        D("0.01"),
        "pooling/1",
        events.Proof("optimal", D(0), D(-3), "branch and bound"),
    ),
    events.PoolLapsed(NOON, "pool_gpu_t1", "auc_t1", "nobody offered to supply", ("dem_gpu_t1",)),
]


def test_there_is_one_of_each():
    assert [type(event) for event in ONE_OF_EACH] == list(get_args(events.Event))


@pytest.mark.parametrize("event", ONE_OF_EACH, ids=lambda event: type(event).__name__)
def test_every_event_comes_back_as_it_was(event):
    body = codec.encode(event)
    back = codec.decode(body)
    assert back == event
    assert codec.encode(back) == body
    assert [type(getattr(back, part.name)) for part in fields(back)] == [
        type(getattr(event, part.name)) for part in fields(event)
    ]


@pytest.mark.parametrize("event", ONE_OF_EACH, ids=lambda event: type(event).__name__)
def test_every_event_is_canonical_json_with_its_name_and_form(event):
    body = codec.encode(event)
    read = json.loads(body)
    assert canonical(read) == body
    assert {"type", "v", "at"} <= set(read)
    assert set(read) == {part.name for part in fields(event)} | {"type", "v"}


@pytest.mark.parametrize("event", ONE_OF_EACH, ids=lambda event: type(event).__name__)
def test_a_stored_form_is_never_edited(event, golden):
    """A change here breaks markets that exist: give the event a new form and an upcaster instead."""
    read = json.loads(codec.encode(event))
    golden(f"events/{read['type']}.{read['v']}.json", f"{codec.encode(event)}\n")


def test_every_form_that_was_ever_stored_is_still_read():
    stored = sorted((Path(__file__).parent / "golden" / "events").glob("*.json"))
    assert {"auction_created.1.json", "bid_submitted.1.json"} <= {path.name for path in stored}
    for path in stored:
        event = codec.decode(path.read_text(encoding="utf-8"))
        newest = next(one for one in ONE_OF_EACH if type(one) is type(event))
        added = [
            (part.name, part.default if part.default_factory is MISSING else part.default_factory())
            for part in fields(event)
            if part.default is not MISSING or part.default_factory is not MISSING
        ]
        older = [replace(newest, **dict(added[known:])) for known in range(len(added) + 1)]
        if path.name == "auction_awarded.1.json":  # written when there was one winner
            older = [replace(older[0], winners=(WINNER,), mechanism="single/1")]
        if path.name == "resource_cleared.1.json":  # written before there were reasons and savings
            fills = (replace(FILL, reason="", saving=None),)
            older = [replace(older[0], allocations=fills, suppliers=fills, mechanism="clearing/1")]
        if path.name == "auction_awarded.5.json":  # written before there were standing bids
            older = [replace(newest, basis=replace(newest.basis, at_capacity=()))]
        assert event in older, path.name


def test_a_form_from_the_future_is_refused_clearly():
    for body, message in [
        (
            '{"type":"auction_closed","v":2,"at":"2026-11-23T12:00:00Z","by":"x"}',
            "event auction_closed version 2",
        ),
        ('{"type":"auction_extended","v":1,"at":"2026-11-23T12:00:00Z"}', "event auction_extended version 1"),
    ]:
        with pytest.raises(codec.UnknownForm, match=f"^{message}$"):
            codec.decode(body)


def test_what_is_not_a_stored_event_is_not_taken_for_one():
    for body in ("", "[]", "{}", '{"v":1}', '{"type":"auction_closed"}', '{"type":"auction_closed","v":1}'):
        with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
            codec.decode(body)


amounts = st.decimals(0, 999_999_999, places=6, allow_nan=False).map(lambda d: d.normalize() + 0)
words = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
scalars = (
    st.booleans() | st.integers(-(10**15), 10**15) | st.floats(allow_nan=False, allow_infinity=False) | words
)
moments = st.datetimes(min_value=NOON.replace(year=1990, tzinfo=None)).map(
    lambda m: m.replace(tzinfo=NOON.tzinfo)
)
bids = st.builds(
    events.BidSubmitted,
    at=moments,
    bid_id=words,
    bidder=words,
    cost=amounts,
    estimated_time=st.none() | amounts,
    quality=st.none() | amounts,
    attributes=st.dictionaries(words, scalars, max_size=3),
    note=words,
    valid_until=st.none() | moments,
    score=amounts,
    replaced=words,
)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(bids)
def test_any_bid_comes_back_with_the_same_values_of_the_same_types(bid):
    back = codec.decode(codec.encode(bid))
    assert back == bid
    # 1 and true are equal to Python, but not as attributes.
    assert {k: type(v) for k, v in back.attributes.items()} == {k: type(v) for k, v in bid.attributes.items()}
    assert codec.encode(back) == codec.encode(bid)


@pytest.mark.parametrize("stream", ["resource/gpu", "agent/ann", "capability/go"])
def test_a_snapshot_is_the_state_it_was_made_of(stream):
    kinds = {
        "resource/gpu": ONE_OF_EACH[20:22],
        "capability/go": ONE_OF_EACH[13:16],
        "agent/ann": [*ONE_OF_EACH[7:9], *ONE_OF_EACH[10:13], *ONE_OF_EACH[16:19]],
    }[stream]
    state = new_state(stream)
    for event in kinds:
        state = evolve(state, event)
    again = codec.decode_state(stream, codec.encode_state(state))
    assert again == state
    assert type(again) is type(state)
    assert codec.encode_state(again) == codec.encode_state(state)

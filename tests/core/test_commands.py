"""A command that exists holds only valid values, and never one field too many."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from market_core.commands import (
    AggregateDemand,
    CreateAuction,
    OfferResources,
    RegisterAgent,
    ReportOutcome,
    RequestResources,
    SubmitBid,
)
from market_core.terms import Bonus, Condition, Requirements, Scoring
from tests.core.world import later


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("python", Condition(equals="python")),
        (True, Condition(equals=True)),
        (3, Condition(equals=3)),
        ({"equals": False}, Condition(equals=False)),
        ({"min": 0}, Condition(min=0)),
        ({"min": 1, "max": 2.5}, Condition(min=1, max=2.5)),
        ({"any_of": ["a", 1]}, Condition(any_of=("a", 1))),
        ({"equals": "x", "optional": True}, Condition(equals="x", optional=True)),
    ],
    ids=str,
)
def test_a_condition_is_a_value_a_range_or_a_choice(written, meant):
    assert Requirements(attributes={" Language ": written}).attributes == {"language": meant}


@pytest.mark.parametrize(
    "written",
    [
        {},
        {"optional": True},
        {"equals": 1, "min": 0},
        {"equals": 1, "any_of": [1]},
        {"any_of": []},
        {"any_of": ["a"], "max": 2},
        {"any_of": list(range(51))},
        {"min": "3"},
        {"max": True},
        {"min": float("nan")},
        {"equals": None},
        {"equals": ["a"]},
        {"equals": "x", "optional": "yes"},
        {"equal": "x"},
        ["python"],
        None,
    ],
    ids=str,
)
def test_what_is_no_single_condition_is_refused(written):
    with pytest.raises(ValidationError):
        Requirements(attributes={"language": written})


def test_a_capability_is_wanted_once_however_often_and_in_whatever_way_it_is_written():
    assert Requirements(capabilities=["GPU Hours", "c++", "gpu-hours", "C++"]).capabilities == (
        "gpu-hours",
        "c++",
    )


def test_a_bonus_is_for_true_unless_it_says_otherwise():
    bonus = Bonus(attribute="Signed Off", bonus="0.5")
    assert (bonus.attribute, bonus.bonus, bonus.when) == (
        "signed-off",
        Decimal("0.5"),
        Condition(equals=True),
    )


CREATE = {"agent": "buyer", "task": "review"}
BID = {"agent": "a", "auction_id": "auc_1", "cost": 1}
DEMAND = {"agent": "a", "resource": "gpu", "quantity": 1}
OFFER = {"agent": "a", "resource": "gpu", "quantity": 1, "unit_price": 1}


@pytest.mark.parametrize(
    ("command", "valid", "wrong", "field"),
    [
        (CreateAuction, CREATE, {"task": " "}, "task"),
        (CreateAuction, CREATE, {"agent": "market"}, "agent"),
        (CreateAuction, CREATE, {"max_price": 0}, "max_price"),
        (CreateAuction, CREATE, {"max_price": True}, "max_price"),
        (CreateAuction, CREATE, {"payment_rule": "uniform"}, "payment_rule"),
        (CreateAuction, CREATE, {"closes_in": 0}, "closes_in"),
        (CreateAuction, CREATE, {"closes_at": "2026-11-23T12:00:00"}, "closes_at"),
        (CreateAuction, CREATE, {"invite": ["a b"]}, "invite"),
        (CreateAuction, CREATE, {"invite": [f"a{i}" for i in range(101)]}, "invite"),
        (CreateAuction, CREATE, {"description": "x" * 4001}, "description"),
        (CreateAuction, CREATE, {"budget": 5}, "budget"),
        (SubmitBid, BID, {"cost": -1}, "cost"),
        (SubmitBid, BID, {"cost": float("nan")}, "cost"),
        (SubmitBid, BID, {"cost": None}, "cost"),
        (SubmitBid, BID, {"quality": 1.1}, "quality"),
        (SubmitBid, BID, {"estimated_time": 0}, "estimated_time"),
        (SubmitBid, BID, {"valid_for": -1}, "valid_for"),
        (SubmitBid, BID, {"auction_id": ""}, "auction_id"),
        (SubmitBid, BID, {"auction_id": "x" * 129}, "auction_id"),
        (SubmitBid, BID, {"attributes": {"!": 1}}, "attributes"),
        (SubmitBid, BID, {"attributes": {"a": None}}, "attributes"),
        (SubmitBid, BID, {"attributes": {f"a{i}": 1 for i in range(51)}}, "attributes"),
        (SubmitBid, BID, {"bid": 1}, "bid"),
        (RequestResources, DEMAND, {"quantity": 0}, "quantity"),
        (RequestResources, DEMAND, {"quantity": 1e9}, "quantity"),
        (RequestResources, DEMAND, {"max_unit_price": 0}, "max_unit_price"),
        (RequestResources, DEMAND, {"resource": "?"}, "resource"),
        (OfferResources, OFFER, {"unit_price": -1}, "unit_price"),
        (OfferResources, OFFER, {"unit_price": None}, "unit_price"),
        (AggregateDemand, {"agent": "a", "resources": ["x"]}, {"resources": []}, "resources"),
        (AggregateDemand, {"agent": "a", "resources": ["x"]}, {"resources": ["x"] * 21}, "resources"),
        (RegisterAgent, {"agent": "a"}, {"capabilities": ["", "b"]}, "capabilities"),
        (ReportOutcome, {"agent": "a", "auction_id": "auc_1", "success": True}, {"success": 1}, "success"),
        (Scoring, {}, {"time_price": "-1"}, "time_price"),
    ],
    ids=lambda value: ascii(value)[:40] if isinstance(value, dict) else None,
)
def test_a_wrong_value_is_refused_with_its_field(command, valid, wrong, field):
    command(**valid)
    with pytest.raises(ValidationError) as refused:
        command(**{**valid, **wrong})
    # Where fields do not fit together, the error names the one to change.
    assert {(*error["loc"], error.get("ctx", {}).get("field"))[0] for error in refused.value.errors()} == {
        field
    }


def test_two_deadlines_are_refused_and_each_alone_is_fine():
    assert CreateAuction(**CREATE, closes_in="1.5").closes_in == Decimal("1.5")
    assert CreateAuction(**CREATE, closes_at="2026-11-23T12:00:05Z").closes_at == later(5)
    with pytest.raises(ValidationError, match="closes_in or closes_at, not both"):
        CreateAuction(**CREATE, closes_in=1, closes_at=later(5))


def test_a_command_cannot_be_changed():
    command = SubmitBid(**BID)
    with pytest.raises(ValidationError):
        command.cost = Decimal(0)
    assert command == SubmitBid(**BID)

"""What is not even a question: the field and the rule, in our words."""

import pytest
from pydantic import ValidationError

from market_core import Code, Scoring
from market_core.commands import AggregateDemand, CreateAuction, RegisterAgent, ReportOutcome, SubmitBid
from market_core.invalid import invalid

CREATE = {"agent": "buyer", "task": "x"}
BID = {"agent": "a", "auction_id": "auc_1", "cost": 1}


@pytest.mark.parametrize(
    ("command", "said", "field", "rule"),
    [
        (
            SubmitBid,
            {"agent": "a", "auction_id": "auc_1"},
            "cost",
            "is required; to take what a Dutch auction offers, give take: true instead",
        ),
        (SubmitBid, {**BID, "price": 1}, "price", "is not a field here"),
        (SubmitBid, {**BID, "cost": "five"}, "cost", "must be a finite number"),
        (SubmitBid, {**BID, "auction_id": ""}, "auction_id", "must not be empty"),
        (SubmitBid, {**BID, "auction_id": 5}, "auction_id", "must be text"),
        (SubmitBid, {**BID, "auction_id": "x" * 129}, "auction_id", "must have at most 128 characters"),
        (SubmitBid, {**BID, "attributes": ["x"]}, "attributes", "must be an object"),
        (
            CreateAuction,
            {**CREATE, "payment_rule": "cheapest"},
            "payment_rule",
            "must be one of 'pay_as_bid', 'second_price', 'uniform', 'vcg' or 'core'",
        ),
        (CreateAuction, {**CREATE, "requirements": "python"}, "requirements", "must be an object"),
        (CreateAuction, {**CREATE, "invite": "a"}, "invite", "must be a list"),
        (
            CreateAuction,
            {**CREATE, "scoring": {"speed": 1}},
            "scoring.speed",
            f"is not a field here; use {', '.join(Scoring.model_fields)}",
        ),
        (
            CreateAuction,
            {**CREATE, "requirements": {"attributes": {"os": {}}}},
            "requirements.attributes.os",
            "must have exactly one of: equals, any_of, or min and/or max",
        ),
        (
            CreateAuction,
            {**CREATE, "closes_in": 1, "closes_at": "2026-11-23T12:00:00Z"},
            "the arguments",
            "give closes_in or closes_at, not both",
        ),
        (
            ReportOutcome,
            {"agent": "a", "auction_id": "auc_1", "success": "yes"},
            "success",
            "must be true or false",
        ),
        (AggregateDemand, {"agent": "a", "resources": []}, "resources", "must have at least 1 entries"),
        (
            AggregateDemand,
            {"agent": "a", "resources": ["x"] * 21},
            "resources",
            "must have at most 20 entries",
        ),
        (RegisterAgent, {"agent": "a", "capabilities": {"go": 1}}, "capabilities", "must be a list"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else None,
)
def test_a_wrong_argument_is_refused_in_our_words(command, said, field, rule):
    with pytest.raises(ValidationError) as error:
        command(**said)
    refusal = invalid(error.value)
    assert (refusal.code, refusal.facts) == (Code.INVALID_VALUE, {"field": field, "rule": rule})
    assert str(refusal) == f"invalid_value: {field}: {rule}. Next: correct {field} and repeat the call."


def test_the_first_of_several_wrong_arguments_is_named():
    with pytest.raises(ValidationError) as error:
        CreateAuction(agent="a b", task="", max_price=-1)
    assert invalid(error.value).facts["field"] == "agent"


@pytest.mark.parametrize(
    ("command", "said", "field"),
    [
        (CreateAuction, {**CREATE, "requirements": {"attributes": {"os": "x" * 200}}}, None),
        (
            CreateAuction,
            {**CREATE, "requirements": {"attributes": {f"a{i}": "x" * 200 for i in range(30)}}},
            "requirements",
        ),
        (SubmitBid, {**BID, "attributes": {f"a{i}": "x" * 200 for i in range(15)}}, None),
        (SubmitBid, {**BID, "attributes": {f"a{i}": "x" * 200 for i in range(30)}}, "attributes"),
        (RegisterAgent, {"agent": "a", "attributes": {f"a{i}": "x" * 200 for i in range(30)}}, "attributes"),
    ],
    ids=["short requirements", "long requirements", "short bid", "long bid", "long card"],
)
def test_what_every_answer_repeats_is_short_in_all(command, said, field):
    if field is None:
        command(**said)
        return
    with pytest.raises(ValidationError) as error:
        command(**said)
    facts = invalid(error.value).facts
    assert (facts["field"], facts["rule"].split(";")[0]) == (
        field,
        "must have at most 4,000 characters in all",
    )

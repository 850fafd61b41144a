"""Running sums of outcomes: what weighs how much, and a twin that recomputes all from the list."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_core.mechanisms.distributions import halved, millionths
from market_core.mechanisms.track_record import RULES, Outcome, Record, Rules, evidence

CREDIT = 1_000_000
DAY = 24 * 3600
LASTING = Rules(half_life=10**12, half_life_outcomes=10**12, half_life_measures=10**12)
WORK = Outcome("p/1", "p", "b/1", "b", ("review",), at=0, success=True, payment=CREDIT)


def done(buyer="b", at=0, success=True, payment=CREDIT, **more):
    return replace(
        WORK, buyer=f"{buyer}/1", buyer_owner=buyer, at=at, success=success, payment=payment, **more
    )


def after(*outcomes, rules=LASTING):
    record = Record()
    for outcome in outcomes:
        record = record.after(outcome, rules)
    return record


def weight(record, now=0, rules=LASTING, viewer=None):
    sums = record.overall.weighed(now, rules, viewer)
    return millionths(sums.weight), millionths(sums.success)


def test_an_outcome_counts_over_everything_and_in_each_of_its_capabilities():
    record = after(done(capabilities=("a", "b")), done("c", capabilities=("b",), success=False))
    counted = {name: (t.successes, t.failures) for name, t in record.by_capability.items()}
    assert counted == {"a": (1, 0), "b": (1, 1)}
    assert (record.overall.successes, record.overall.failures) == (1, 1)
    assert record.tally("unknown").weighed(0, RULES).weight == 0


def test_awards_are_counted_where_they_belong():
    record = Record().awarded(("a",)).awarded(("a", "b"))
    assert [record.tally(name).awards for name in ("a", "b", None)] == [2, 1, 2]
    assert record.after(done(capabilities=("a",))).tally("a").awards == 2


def test_outcomes_between_ids_of_one_owner_do_not_count():
    assert after(done("p")) == Record()


@pytest.mark.parametrize(
    ("payment", "weighs"), [(0, 0), (250_000, 250_000), (CREDIT, CREDIT), (50 * CREDIT, CREDIT)]
)
def test_an_outcome_weighs_by_its_payment_up_to_a_full_one(payment, weighs):
    assert weight(after(done(payment=payment))) == (weighs, weighs)


def test_one_buyer_weighs_at_most_three_outcomes_and_keeps_its_rate():
    of_one = [done(success=i % 4 != 0) for i in range(20)]
    assert weight(after(*of_one)) == (3_000_000, 2_250_000)
    assert weight(after(*of_one), viewer="b") == (20_000_000, 15_000_000)
    assert weight(after(*of_one), viewer="c") == (3_000_000, 2_250_000)
    assert weight(after(*of_one, done("c"))) == (4_000_000, 3_250_000)


def test_one_buyer_cannot_break_a_record_however_much_it_reports():
    good = [done(f"b{i}") for i in range(20)]
    bad = [done("enemy", success=False)] * 500
    total, successes = weight(after(*good, *bad, rules=replace(RULES, half_life=10**12)))
    # Its cap of 3, and what 3 outcomes make the others forget: 20 x 2^-(3/100) and a little for their own.
    assert total - successes == 3_000_000
    assert 17_500_000 < successes < 18_500_000


def test_weight_halves_with_each_half_life():
    record = after(done(), rules=RULES)
    assert [weight(record, now, RULES)[0] for now in (0, 90 * DAY, 180 * DAY)] == [CREDIT, 500_000, 250_000]
    assert weight(record, -5 * DAY, RULES)[0] == CREDIT  # a clock that went back


def test_weight_halves_after_a_hundred_outcomes_of_others():
    record = after(done("first"), *(done(f"b{i}") for i in range(100)), rules=RULES)
    first = record.overall.shares["first"]
    assert abs(halved(record.overall.age - first.age) - Decimal("0.5")) < Decimal("1e-20")


def test_one_buyer_cannot_break_the_times_of_a_record_either():
    times = {"estimated_time": 60, "promised_quality": 60}
    good = [done(f"b{i}", actual_time=60, quality=60, **times) for i in range(20)]
    bad = [done("enemy", actual_time=10**6, quality=0, **times)] * 500
    sums = after(*good, *bad, rules=replace(RULES, half_life=10**12)).overall.totals
    share = after(*bad, rules=LASTING).overall.totals
    assert (share.weight, share.timed, share.rated) == (3, 1, 1)
    assert abs(share.log_time - Decimal(20).ln()) < Decimal("1e-20")
    # Of the others 20 x 2^-(i/5) count, about 7, less what 3 outcomes and their own make them forget.
    assert 3.5 < sums.timed - 1 == sums.rated - 1 < 5
    seen = after(*bad, rules=LASTING).overall.weighed(0, LASTING, viewer="enemy")
    assert (millionths(seen.timed), millionths(seen.weight)) == (500_000_000, 500_000_000)


def test_times_and_qualities_halve_after_five_outcomes_of_others():
    first = done("first", estimated_time=60, actual_time=120, promised_quality=60, quality=30)
    sums = after(first, *(done(f"b{i}") for i in range(5)), rules=RULES).overall.totals
    assert [millionths(x) for x in (sums.timed, sums.rated)] == [500_000, 500_000]
    assert abs(sums.log_time - sums.timed * Decimal(2).ln()) < Decimal("1e-20")


def test_an_outcome_reported_late_weighs_what_it_would_have_kept():
    early, late = done("a", at=0), done("b", at=90 * DAY)
    now = 180 * DAY
    rules = replace(RULES, half_life_outcomes=10**12)
    in_order, crossed = (
        weight(after(*some, rules=rules), now, rules) for some in ((early, late), (late, early))
    )
    assert in_order == crossed == (750_000, 750_000)


def test_an_owner_gets_no_more_evidence_from_a_buyer_by_having_more_ids():
    one, other = after(*[done()] * 5), after(*[done()] * 5, done("c"))
    assert evidence([one], 0, rules=LASTING) == 3
    assert evidence([one, other], 0, rules=LASTING) == 4
    assert millionths(evidence([one, other], 0, "review", LASTING, viewer="b")) == 11_000_000
    assert evidence([], 0) == 0
    assert evidence([Record(), Record()], 0) == 0


def test_what_was_not_claimed_or_not_reported_is_not_counted():
    sums = after(
        done("a", estimated_time=60, actual_time=None, promised_quality=None, quality=1),
        done(
            "b",
            estimated_time=60,
            actual_time=120,
            promised_quality=500_000,
            quality=400_000,
            confidence=900_000,
        ),
        done("c", promised_quality=0, quality=500_000),
    ).overall.totals
    assert [round(x, 6) for x in sums] == [
        Decimal(x) for x in ("3", "3", "1", "0.693147", "0.480453", "1", "0.8", "0.64", "1", "0.01")
    ]


@pytest.mark.parametrize(("actual", "factor"), [(10**12, 20), (1, Decimal(1) / 20), (0, Decimal(1) / 20)])
def test_an_absurd_time_counts_as_twenty_times_the_estimate_at_most(actual, factor):
    sums = after(done(estimated_time=1000, actual_time=actual)).overall.totals
    assert abs(sums.log_time.exp() - factor) < Decimal("1e-20")


reports = st.builds(
    done,
    st.sampled_from("abc"),
    st.integers(0, 400).map(lambda d: d * DAY),
    st.booleans(),
    st.sampled_from([0, 300_000, CREDIT, 5 * CREDIT]),
)


def by_definition(outcomes, now, rules):
    """Weights from the list alone: in order of time, forgetting by time only, each buyer cut at its latest outcome."""
    total = success = 0.0
    for buyer in {o.buyer_owner for o in outcomes}:
        mine = [o for o in outcomes if o.buyer_owner == buyer]
        latest = max(o.at for o in mine)
        kept = [min(1, o.payment / CREDIT) * 0.5 ** ((latest - o.at) / rules.half_life) for o in mine]
        whole = sum(kept)
        cut = min(1, rules.buyer_cap / whole) if whole else 0
        left = cut * 0.5 ** ((now - latest) / rules.half_life)
        total += whole * left
        success += sum(k for k, o in zip(kept, mine, strict=True) if o.success) * left
    return total, success


@settings(max_examples=60)
@given(st.lists(reports, max_size=14))
def test_the_running_sums_are_those_of_the_whole_list(outcomes):
    rules = replace(RULES, half_life_outcomes=10**15)
    now = 500 * DAY
    outcomes = sorted(outcomes, key=lambda o: o.at)
    found = after(*outcomes, rules=rules).overall.weighed(now, rules)
    wanted = by_definition(outcomes, now, rules)
    assert (float(found.weight), float(found.success)) == pytest.approx(wanted, abs=1e-9)


@settings(max_examples=40)
@given(st.lists(reports, max_size=20))
def test_no_buyer_weighs_more_than_its_cap_and_nothing_is_negative(outcomes):
    record = after(*outcomes, rules=RULES)
    sums = record.overall.weighed(400 * DAY, RULES)
    assert all(value > Decimal("-1e-20") for value in sums)
    assert sums.weight <= 3 * len({o.buyer_owner for o in outcomes}) + Decimal("1e-20")

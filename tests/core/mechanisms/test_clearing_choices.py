"""The search of a clearing done apart: the same result, from a book summed up, and checked before it is believed."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_core.mechanisms import clearing_search
from market_core.mechanisms.clearing import Book, Entry, clear, select
from market_core.mechanisms.clearing_choices import ChoiceProblem, condensed, wrong
from market_core.mechanisms.clearing_crossing import Worth
from market_core.mechanisms.procurement import Unproved


@st.composite
def entries(draw, side: str):
    made = []
    for number in range(draw(st.integers(1, 6))):
        quantity = draw(st.integers(1, 8))
        limit = draw(st.integers(1, 9))
        minimum = draw(st.sampled_from([0, 0, 1, quantity, (quantity + 1) // 2]))
        tiers = ()
        if side == "s" and quantity > 2 and draw(st.booleans()):
            tiers = ((draw(st.integers(2, quantity)), draw(st.integers(0, limit - 1))),)
        any_price = side == "d" and draw(st.integers(0, 9)) == 0
        key = (f"{side}{draw(st.integers(0, 3))}", str(number))
        made.append(Entry(key, quantity, None if any_price else limit, minimum, tiers))
    return made


def hard(number: int = 20) -> tuple[list[Entry], list[Entry]]:
    """Return a book of demand all or nothing that hardly fits the offers: a subset sum."""
    bids = [
        Entry((f"d{n}", ""), 1000 + 37 * n * n % 997, 5_000 + n, 1000 + 37 * n * n % 997)
        for n in range(number)
    ]
    asks = [Entry((f"s{n}", ""), 4999 + 101 * n, 4_000 + n, 4999 + 101 * n) for n in range(number // 6)]
    return bids, asks


@settings(max_examples=300, deadline=None)
@given(entries("d"), entries("s"), st.sampled_from([1, 2]))
def test_what_is_searched_apart_clears_as_if_searched_at_once(demand, offers, grain):
    demand = [replace(e, quantity=e.quantity * grain, minimum=e.minimum * grain) for e in demand]
    offers = [replace(e, quantity=e.quantity * grain, minimum=e.minimum * grain) for e in offers]
    book = Book(demand, offers, grain)
    selection = select(book.problem())
    assert book.cleared(book.selected(selection)) == clear(demand, offers, grain)
    assert wrong(book.problem(), selection) == ""


@settings(max_examples=200, deadline=None)
@given(entries("d"), entries("s"))
def test_the_problem_does_not_depend_on_the_order_of_entries_nor_on_who_takes_any_part(demand, offers):
    asked = condensed(demand, offers, 1)
    assert condensed(demand[::-1], offers[::-1], 1) == asked
    plain = [e for e in demand if e.minimum <= 1 and e.quantity > 1]
    if plain:
        half = plain[0].quantity // 2
        split = [e for e in demand if e is not plain[0]] + [
            replace(plain[0], quantity=half),
            Entry(("z", "z"), plain[0].quantity - half, plain[0].limit),
        ]
        assert condensed(split, offers, 1) == asked


@settings(max_examples=200, deadline=None)
@given(entries("d"), entries("s"), st.integers(1, 40))
def test_a_search_that_ends_within_few_steps_has_found_what_a_long_one_finds(demand, offers, steps):
    book = Book(demand, offers)
    few, all_of_them = book.searched(steps), book.searched()
    assert few.worth <= all_of_them.worth <= few.bound
    if few.settled:
        assert few == all_of_them


@settings(max_examples=200, deadline=None)
@given(entries("d"), entries("s"), st.integers(1, 40))
def test_a_search_cut_short_gives_what_can_be_believed_and_says_that_it_was(demand, offers, steps):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("market_core.mechanisms.clearing_choices.STEPS", steps)
        selection = select(condensed(demand, offers, 1))
    book = Book(demand, offers)
    found = book.selected(selection)
    try:
        made = book.cleared(found)
    except Unproved:
        assert found.worth == (0, 0) < found.bound
        return
    if made is not None and made.proof is not None:
        assert made.proof.status == ("optimal" if found.worth == found.bound else "feasible")


def test_seconds_count_as_steps_so_that_more_of_them_find_more():
    asked = condensed(*hard(40), 1)
    short, long = select(asked, 0.01), select(asked, 0.5)
    assert short.worth <= long.worth <= long.bound <= short.bound
    assert (short.settled, select(asked, 0.01)) == (False, short)
    assert clearing_search.STEPS * 20 == clearing_search.MOST_STEPS


def problem() -> ChoiceProblem:
    """Return three who want 2, 3 and 4 or nothing, for 9, 8 and 7, of 7 units at 1 or, five and more, at 0."""
    bids = [
        Entry((name, ""), size, limit, size) for name, size, limit in (("a", 2, 9), ("b", 3, 8), ("c", 4, 7))
    ]
    return condensed(bids, [Entry(("s", ""), 7, 1, 0, ((5, 0),))], 1)


def test_the_states_stand_in_the_order_of_keys():
    # b and c fill the 7: 24 + 28. With a and c, 18 + 28, one unit is left.
    made = select(problem())
    assert (made.states, made.worth, made.settled) == (((0, 1, 1), (2,)), Worth(52, 7), True)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"worth": Worth(53, 7), "bound": Worth(53, 7)}, "worth something else"),
        ({"states": ((1, 0, 1), (2,))}, "worth something else"),
        ({"states": ((1, 1, 1), (2,))}, "worth something else"),
        ({"states": ((0, 1), (2,))}, "other entries"),
        ({"states": ((0, 1, 2), (2,))}, "other entries"),
        ({"states": ((0, 1, -1), (2,))}, "other entries"),
        ({"states": ((), ())}, "other entries"),
        ({"bound": Worth(51, 7)}, "out of bounds"),
        ({"bound": Worth(1000, 7)}, "out of bounds"),
        ({"worth": Worth(-1, 0)}, "worth something else"),
    ],
)
def test_a_selection_that_cannot_be_is_not_believed(change, why):
    made = select(problem())
    assert wrong(problem(), made) == ""
    assert why in wrong(problem(), replace(made, **change))

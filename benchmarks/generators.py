"""Instances for winner determination: the CATS distributions and L4, turned into procurement. Plain data.

Written anew from the published descriptions: Leyton-Brown, Pearson and Shoham, "Towards a universal test suite
for combinatorial auction algorithms" (EC 2000), the first five; Sandholm, "Algorithm for optimal winner
determination in combinatorial auctions" (2002), whose decay distribution is known as L4. No code of theirs.

Each keeps its geometry: which lots go together, and which bundles of one bidder are alternatives (`xor`). What
is turned round is the money. There a bundle is worth more than its parts; here it costs less, because lots that
are tied share a set-up (`setup`). Where a bidder there prefers what it values, here it prefers what it does
cheaply; where lateness there costs value, here it adds cost.

Every generator takes (seed, lots, bids, cover=True), and gives at least `bids` bids: bidders come whole, so up to
9 more (matching; 7 in scheduling, 5 in regions and arbitrary, 4 in paths, none in l4); then, unless `cover` is
False, one dear bid for each lot alone, each of its own bidder, so that every lot can be bought.
Raises ValueError for less than one lot or one bid.

The same arguments give the same instance on every machine and on every Python: all arithmetic is in integers, and
chance comes from `random.Random(seed).random()` alone, whose sequence is promised not to change.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, count, pairwise
from math import isqrt

from dice import Dice
from network import cities, distance, link, routes

MICRO = 1_000_000
_LOT = 50 * MICRO  # what the work of a lot costs on average, in all but l4
_SETUP = 50 * MICRO  # what it costs to begin on a lot that is tied to none

_UNIT = 1_000  # ties and eagerness are in thousandths
_GROW = 90  # per cent: one more lot in a bundle of regions and arbitrary
_JUMP = 5  # per cent: the next lot of a region lies anywhere
_DIAGONAL = 20  # per cent: two diagonal neighbours on the grid are tied
_SUBSTITUTES = 5  # bids beside a bidder's first in regions and arbitrary
_LONGEST_SHIFT = 10  # slots
_LATER = 90  # per cent: one more deadline, beyond the last
_SHIFTS = 8  # of one bidder; the original bids on every start, which leaves few bidders
_ALPHA = 55  # per cent: one more lot in a bundle of l4

Bundle = frozenset[int]
Ties = Sequence[Sequence[int]]
"""How strongly each pair of lots goes together, in thousandths: symmetric, 0 on the diagonal."""


@dataclass(frozen=True, slots=True)
class Instance:
    """Lots 0 to `lots` - 1, and bids: (bidder number, lots, cost in micro-credits); a bidder's are alternatives."""

    name: str
    lots: int
    bids: tuple[tuple[int, Bundle, int], ...]


def setup(size: int, tied: int) -> int:
    """Return what setting up for `size` lots costs when their pairs' ties sum to `tied` thousandths.

    One set-up each without ties, one for all when every pair is wholly tied: n^2 / (n + 2 ties), rounded up.
    Two disjoint bundles never cost more together than apart, because (m + n)^2 / (x + y) <= m^2 / x + n^2 / y.

    >>> setup(1, 0) / _SETUP, setup(2, 0) / _SETUP, setup(2, 1000) / _SETUP
    (1.0, 2.0, 1.0)
    """
    return -(-_SETUP * size * size * _UNIT // (size * _UNIT + 2 * tied))


def chain(size: int) -> int:
    """Return what setting up for `size` lots in a row costs: each is wholly tied to the next."""
    return setup(size, (size - 1) * _UNIT)


def regions(seed: int, lots: int, bids: int, *, cover: bool = True) -> Instance:
    """Return plots on a grid: a bundle spreads from plot to neighbouring plot, and jumps now and then."""
    dice = _dice(seed, lots, bids)
    bidder = _spreading(dice, grid(dice, lots), _JUMP)
    return _instance("regions", seed, lots, bids, dice, bidder, cover=cover)


def arbitrary(seed: int, lots: int, bids: int, *, cover: bool = True) -> Instance:
    """Return lots of which every pair is tied more or less: bundles spread as in regions, without jumps."""
    dice = _dice(seed, lots, bids)
    ties = [[0] * lots for _ in range(lots)]
    for one, other in combinations(range(lots), 2):
        ties[one][other] = ties[other][one] = dice.below(_UNIT + 1)
    return _instance("arbitrary", seed, lots, bids, dice, _spreading(dice, ties, 0), cover=cover)


def grid(dice: Dice, lots: int) -> Ties:
    """Return the ties of plots on a grid as square as it can be, row by row; the last row may be short.

    Plots side by side or one above the other are tied; diagonal neighbours by chance.

    >>> ties = grid(Dice(1), 9)
    >>> ties[0][1], ties[0][3], ties[0][8]
    (1000, 1000, 0)
    """
    columns = -(-lots // max(1, isqrt(lots)))
    ties = [[0] * lots for _ in range(lots)]
    for one, other in combinations(range(lots), 2):
        down, across = other // columns - one // columns, abs(other % columns - one % columns)
        if down + across == 1 or (down == across == 1 and dice.chance(_DIAGONAL)):
            ties[one][other] = ties[other][one] = _UNIT
    return ties


def _spreading(dice: Dice, ties: Ties, jump: int) -> Callable[[], dict[Bundle, int]]:
    """Return a maker of bidders, each with its own costs, whose bundles spread along `ties`."""
    common = [dice.between(MICRO, 2 * _LOT - MICRO) for _ in ties]

    def bidder() -> dict[Bundle, int]:
        dearness = [dice.between(0, _UNIT) for _ in ties]
        eagerness = [_UNIT + 1 - dear for dear in dearness]
        own = [work * (_UNIT // 2 + dear) // _UNIT for work, dear in zip(common, dearness, strict=True)]

        def bundle_and_cost(start: int, size: int) -> tuple[Bundle, int]:
            bundle = _spread(dice, ties, eagerness, start, size, jump)
            tied = sum(ties[one][other] for one, other in combinations(sorted(bundle), 2))
            return bundle, sum(own[lot] for lot in bundle) + setup(size, tied)

        size = dice.run(_GROW, len(ties))
        first, cost = bundle_and_cost(dice.weighted(eagerness), size)
        others = dict(bundle_and_cost(lot, size) for lot in sorted(first))
        return {first: cost} | _comparable(first, cost, others, common)

    return bidder


def _spread(dice: Dice, ties: Ties, eagerness: Sequence[int], start: int, size: int, jump: int) -> Bundle:
    """Return `size` lots: the next one is drawn by its ties to those there, times the bidder's eagerness."""
    bundle = {start}
    pull = list(ties[start])
    while len(bundle) < size:
        anywhere = dice.chance(jump)
        weights = [0 if lot in bundle else eager * pull[lot] for lot, eager in enumerate(eagerness)]
        if anywhere or not any(weights):
            weights = [0 if lot in bundle else eager for lot, eager in enumerate(eagerness)]
        lot = dice.weighted(weights)
        bundle.add(lot)
        pull = [old + new for old, new in zip(pull, ties[lot], strict=True)]
    return frozenset(bundle)


def _comparable(
    first: Bundle, cost: int, others: Mapping[Bundle, int], common: Sequence[int]
) -> dict[Bundle, int]:
    """Return the substitutes: at most half as dear again, at least half the work, those cheapest for it."""

    def work(bundle: Bundle) -> int:
        return sum(common[lot] for lot in bundle)

    fit = [
        (MICRO * other // work(bundle), sorted(bundle), bundle, other)
        for bundle, other in others.items()
        if bundle != first and 2 * other <= 3 * cost and 2 * work(bundle) >= work(first)
    ]
    fit.sort(key=lambda entry: entry[:2])
    return {bundle: other for _, _, bundle, other in fit[:_SUBSTITUTES]}


AIRPORTS = 4
_O_HARE, _KENNEDY, _LA_GUARDIA, _NATIONAL = range(AIRPORTS)
_MILES = {
    (_O_HARE, _KENNEDY): 740,
    (_O_HARE, _LA_GUARDIA): 733,
    (_O_HARE, _NATIONAL): 612,
    (_KENNEDY, _NATIONAL): 213,
    (_LA_GUARDIA, _NATIONAL): 214,
}
_LONGEST_FLIGHT = 10  # slots, and at most half the day
_EARLY, _LATE = 1, 2  # slots by which a take-off or a landing may leave its plan
_SHIFTED = 10  # per cent of the cost for each slot that the take-off moves
_DELAYED = 25  # and for each that the landing is late


def matching(seed: int, lots: int, bids: int, *, cover: bool = True) -> Instance:
    """Return slots at four airports: a bundle is a take-off at one and a later landing at another.

    Lot number: time x 4 + airport. A bidder has one flight in its plan and bids on what is near to it; each slot
    away from the plan costs more. Raises ValueError for fewer than 8 lots, where nobody could land.
    """
    if lots < 2 * AIRPORTS:
        raise ValueError(f"matching needs at least {2 * AIRPORTS} lots, not {lots}")
    dice = _dice(seed, lots, bids)
    handling = [dice.between(MICRO, 2 * _LOT - MICRO) for _ in range(AIRPORTS)]
    times = -(-lots // AIRPORTS)
    longest = min(_LONGEST_FLIGHT, times // 2)

    def bidder() -> dict[Bundle, int]:
        route, miles = list(_MILES.items())[dice.below(len(_MILES))]
        leave, reach = route if dice.chance(50) else route[::-1]
        flight = max(1, miles * longest // max(_MILES.values()))
        planned = dice.below(times - flight)
        cost = dice.spread(handling[leave] + handling[reach]) + chain(2)
        made = {}
        for off in range(max(0, planned - _EARLY), planned + _LATE + 1):
            for on in range(max(off, planned - _EARLY) + flight, planned + flight + _LATE + 1):
                surcharge = _SHIFTED * abs(off - planned) + _DELAYED * max(0, on - planned - flight)
                bundle = frozenset((off * AIRPORTS + leave, on * AIRPORTS + reach))
                if max(bundle) < lots:
                    made[bundle] = cost * (100 + surcharge) // 100
        return made

    return _instance("matching", seed, lots, bids, dice, bidder, cover=cover)


def scheduling(seed: int, lots: int, bids: int, *, cover: bool = True) -> Instance:
    """Return the slots of one machine in order: a bundle is a shift of consecutive slots.

    A bidder has one length of shift and some deadlines. What ends by the first has its plain cost. In the original
    the value of a later one falls to first / later of it; what is lost there is added here: x (2 - first / later).
    """
    dice = _dice(seed, lots, bids)

    def bidder() -> dict[Bundle, int]:
        length = dice.between(1, min(_LONGEST_SHIFT, lots))
        deadlines = [dice.between(length, lots)]
        while deadlines[-1] < lots and dice.chance(_LATER):
            deadlines.append(dice.between(deadlines[-1] + 1, lots))
        cost = dice.spread(length * _LOT) + chain(length)
        first = deadlines[0]
        made = {}
        for end in sorted(dice.some(range(length, deadlines[-1] + 1), _SHIFTS)):
            due = next(deadline for deadline in deadlines if end <= deadline)
            made[frozenset(range(end - length, end))] = cost * (2 * due - first) // due
        return made

    return _instance("scheduling", seed, lots, bids, dice, bidder, cover=cover)


_LINKS = 2  # for each city, where there are so many pairs
_ROUTES = 5  # bids of one bidder


def paths(seed: int, lots: int, bids: int, *, cover: bool = True) -> Instance:
    """Return the links between cities in a plane: a bundle is a route from one city to another.

    A bidder goes between two cities by any of its 5 shortest routes that are within its reach, which is the
    distance times 1 to 1.5. The work on a link is in proportion to its length, dearer or cheaper by bidder.
    """
    dice = _dice(seed, lots, bids)
    enough = next(n for n in count(2) if n * (n - 1) >= 2 * lots and n * _LINKS >= lots)
    places, network = cities(dice, enough, lots)
    number = {pair: lot for lot, pair in enumerate(network)}
    lengths = {pair: distance(places, *pair) for pair in network}
    total = sum(lengths.values())

    def bidder() -> dict[Bundle, int]:
        start, end = dice.some(range(len(places)), 2)
        reach = distance(places, start, end) * dice.between(_UNIT, _UNIT * 3 // 2) // _UNIT
        rate = dice.spread(_LOT)
        made = {}
        for route in routes(len(places), lengths, start, end, _ROUTES, reach):
            steps = [link(*step) for step in pairwise(route)]
            work = rate * sum(lengths[step] for step in steps) * lots // total
            made[frozenset(number[step] for step in steps)] = work + chain(len(steps))
        return made

    return _instance("paths", seed, lots, bids, dice, bidder, cover=cover)


def decay(seed: int, lots: int, bids: int, *, cover: bool = True) -> Instance:
    """Return L4: one lot, and another while a coin of 0.55 shows heads; each bid is of its own bidder.

    The cost is uniform from 1 micro-credit to 1 credit x the number of lots: nothing is shared.
    """
    dice = _dice(seed, lots, bids)

    def bidder() -> dict[Bundle, int]:
        bundle = frozenset(dice.some(range(lots), dice.run(_ALPHA, lots)))
        return {bundle: dice.between(1, len(bundle) * MICRO)}

    return _instance("l4", seed, lots, bids, dice, bidder, cover=cover)


def _dice(seed: int, lots: int, bids: int) -> Dice:
    if lots < 1 or bids < 1:
        raise ValueError(f"at least one lot and one bid are needed, not {lots} and {bids}")
    return Dice(seed)


def _instance(
    kind: str,
    seed: int,
    lots: int,
    bids: int,
    dice: Dice,
    bidder: Callable[[], Mapping[Bundle, int]],
    *,
    cover: bool,
) -> Instance:
    """Return bidders until there are `bids` bids; then the covering ones, at 2 to 3 times a lot's average cost."""
    made: list[tuple[int, Bundle, int]] = []
    bidders = 0
    while len(made) < bids:
        offers = bidder()
        made += [(bidders, bundle, cost) for bundle, cost in offers.items()]
        bidders += bool(offers)
    if cover:
        average = sum(cost for *_, cost in made) // sum(len(bundle) for _, bundle, _ in made)
        made += [
            (bidders + lot, frozenset({lot}), average * dice.between(2 * _UNIT, 3 * _UNIT) // _UNIT)
            for lot in range(lots)
        ]
    return Instance(f"{kind} {lots}x{bids} seed {seed}", lots, tuple(made))


GENERATORS: Mapping[str, Callable[[int, int, int], Instance]] = {
    "regions": regions,
    "arbitrary": arbitrary,
    "matching": matching,
    "scheduling": scheduling,
    "paths": paths,
    "l4": decay,
}
"""(seed, lots, bids) -> an instance in which every lot is covered, by the distribution's name."""

"""Several one-winner auctions of one buyer, decided together: tasks to providers within their capacity."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from market_core.mechanisms.assignment_flow import Flow, Option, solved
from market_core.mechanisms.procurement import DoesNotFit, Proof, TooLarge, Unproved
from market_core.values import largest_remainder

MECHANISM = "assignment/1"
"""Name and version, recorded in each award; what made it. A recorded decision is not made again."""

MOST_TASKS = 500
MOST_BIDS = 10_000


@dataclass(frozen=True, slots=True)
class TaskBid:
    """One bid on the task at position `task`; `cost` and `score` in micro-credits, a lower score is better.

    `key`: the tie key, 64 hex digits, different for each bid. `owner`: whose agent the bidder is, empty for its own.
    """

    task: int
    bidder: str
    key: str
    cost: int
    score: int
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """`max_price`: what leaving the task unawarded costs the buyer, in micro-credits; None: award it if possible.

    A higher `priority` comes first where capacity is short.
    """

    max_price: int | None = None
    priority: int = 0


@dataclass(frozen=True, slots=True)
class TaskProblem:
    """At most one bid per task and bidder, in any order: the answer does not depend on it.

    `capacity`: the most tasks a bidder may win here; None or missing: no limit.
    """

    tasks: tuple[Task, ...]
    bids: tuple[TaskBid, ...]
    capacity: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class TaskAward:
    """`winners`: for each task the position of its winning bid, or None.

    `score`: the winners' scores and the max_price of every unawarded task that has one, in micro-credits.
    """

    winners: tuple[int | None, ...]
    score: int
    proof: Proof


def decide(problem: TaskProblem, seconds: float | None = None) -> TaskAward:
    """Return the best award; among equally good ones always the same, whatever the order of the bids.

    Priorities are decided from high to low, and a lower one never costs a higher one anything. Within one:
    first the most tasks without a max_price are awarded, then the sum of scores is least, where an unawarded
    task with a max_price counts that. A bid that costs more than its task's max_price does not win.

    Ties: the most tasks awarded, then the least sum of the first 32 bits of the winners' keys, then the
    lexicographically least ascending list of keys. Nothing is rounded.
    The award is always proved optimal in this order, so `bound` is its score (an award that is worse in an
    earlier criterion may have a lower sum). `seconds` is not needed: the limits on size bound the time.
    Raises TooLarge above 500 tasks or 10,000 bids.
    Source: the assignment problem with capacities, as `assignment_flow`.

    >>> def bid(task, bidder, cost):
    ...     return TaskBid(task, bidder, f"{task}{bidder}".encode().hex().ljust(64, "0"), cost, cost)
    >>> bids = bid(0, "a", 10), bid(0, "b", 30), bid(1, "a", 20), bid(1, "b", 60)
    >>> decide(TaskProblem((Task(), Task()), bids, {"a": 1}))
    TaskAward(winners=(1, 2), score=50, proof=Proof(status='optimal', gap=0, bound=50, solver='augmenting paths'))
    """
    del seconds  # the core reads no clock
    _check(problem)
    flow = _flow(problem, *_ordered_costs(problem))
    winners = tuple(None if option is None else option.position for option in flow.choice)
    score = _score(problem, winners)
    return TaskAward(winners, score, Proof("optimal", 0, score, "augmenting paths"))


def payments(
    problem: TaskProblem,
    award: TaskAward,
    rule: Literal["pay_as_bid", "vcg"],
    seconds: float | None = None,
) -> Mapping[int, int]:
    """Return what each winning bid is paid, in micro-credits, by the bid's position.

    `award` is what `decide` returned for `problem`. `pay_as_bid`: the bid's cost. `vcg`: an owner i is paid
    its costs + Z(without i) - Z over all tasks of its agents, Z being the award's score. What that is above its
    costs is split over its tasks in proportion to max_price - cost, by largest remainder, ties by ascending bid
    key.
    No payment is below the bid's cost or above the task's max_price; where scores below costs (quality that
    the buyer values) would lift the sum above the sum of max_prices, each task is paid its max_price.

    Raises DoesNotFit unless every task has a max_price and all have one priority; Unproved where the award is
    not proved optimal. Truthful in cost where no score is below its cost and an owner bids as one: else the
    cap at max_price can make it pay to lie, and one owner posing as two can gain.
    Source: Vickrey (1961), Clarke (1971), Groves (1973); the assignment case is Leonard (1983).

    >>> bids = TaskBid(0, "a", "0a", 30, 30), TaskBid(0, "b", "0b", 40, 40)
    >>> problem = TaskProblem((Task(max_price=50),), bids, {})
    >>> payments(problem, decide(problem), "vcg"), payments(problem, decide(problem), "pay_as_bid")
    ({0: 40}, {0: 30})
    """
    del seconds  # as in `decide`
    if rule == "pay_as_bid":
        return {winner: problem.bids[winner].cost for winner in award.winners if winner is not None}
    if any(task.max_price is None for task in problem.tasks):
        raise DoesNotFit("a task has no max_price, so nothing bounds what its winner is paid")
    if len({task.priority for task in problem.tasks}) > 1:
        raise DoesNotFit("the tasks differ in priority")
    if award.proof.status != "optimal":
        raise Unproved(award.proof.gap)
    return _vcg(problem, award)


def wrong(problem: TaskProblem, award: TaskAward, paid: Sequence[int]) -> str:
    """Return why this cannot be the award and the payments of `problem`, empty where it can.

    That no other award is better is not looked at: it is what the proof claims.
    """
    if len(award.winners) != len(problem.tasks) or len(paid) != len(problem.bids):
        return "it is about other bids"
    won = [(task, winner) for task, winner in enumerate(award.winners) if winner is not None]
    if any(not 0 <= winner < len(problem.bids) or problem.bids[winner].task != task for task, winner in won):
        return "it is about other bids"
    taken = Counter(problem.bids[winner].bidder for _, winner in won)
    if any(count > limit for who, count in taken.items() if (limit := problem.capacity.get(who)) is not None):
        return "it gives a provider more than it takes"
    if _score(problem, award.winners) != award.score:
        return "its score is another"
    winners = {winner for _, winner in won}
    for position, (bid, payment) in enumerate(zip(problem.bids, paid, strict=True)):
        most = problem.tasks[bid.task].max_price
        if position in winners and (payment < bid.cost or (most is not None and payment > most)):
            return "a payment is out of bounds"
        if position not in winners and payment:
            return "a payment is out of bounds"
    return ""


def assign(
    capable: Sequence[Sequence[str]], capacity: Mapping[str, int], key: Callable[[int, str], str]
) -> tuple[str | None, ...]:
    """Return for each task the agent that does it, None where capacity does not reach: assignment without prices.

    `capable[t]`: the agents that can do task t; `capacity`: the most tasks of an agent (missing: no limit).
    As many tasks as possible are assigned; ties as in `decide`, with `key(task, agent)` of 64 hex digits,
    different for each pair. Loads are not evened out. Raises TooLarge as `decide` does.

    >>> assign([["a", "b"], ["a"]], {"a": 1, "b": 1}, lambda task, agent: f"{task}{agent}".encode().hex())
    ('b', 'a')
    """
    bids = tuple(
        TaskBid(task, agent, key(task, agent), 0, 0)
        for task, agents in enumerate(capable)
        for agent in dict.fromkeys(agents)
    )
    award = decide(TaskProblem(tuple(Task() for _ in capable), bids, capacity))
    return tuple(None if winner is None else bids[winner].bidder for winner in award.winners)


def _score(problem: TaskProblem, winners: Sequence[int | None]) -> int:
    return sum(
        (task.max_price or 0) if winner is None else problem.bids[winner].score
        for task, winner in zip(problem.tasks, winners, strict=True)
    )


def _check(problem: TaskProblem) -> None:
    if len(problem.tasks) > MOST_TASKS:
        raise TooLarge(f"at most {MOST_TASKS:,} tasks are decided together")
    if len(problem.bids) > MOST_BIDS:
        raise TooLarge(f"at most {MOST_BIDS:,} bids are decided together")
    if any(not 0 <= bid.task < len(problem.tasks) for bid in problem.bids):
        raise ValueError("a bid is on a task that is not there")
    if len({bid.key for bid in problem.bids}) < len(problem.bids):
        raise ValueError("two bids have one tie key")
    if len({(bid.task, bid.bidder) for bid in problem.bids}) < len(problem.bids):
        raise ValueError("a bidder has two bids on one task")


def _flow(problem: TaskProblem, bid_costs: Sequence[int], unawarded_costs: Sequence[int]) -> Flow:
    """Return the award of least cost; a bidder's column is its place in the order of `_columns`."""
    columns = _columns(problem)
    limits = (problem.capacity.get(bidder) for bidder in columns)
    options: list[list[Option]] = [[] for _ in problem.tasks]
    for position, (bid, cost) in enumerate(zip(problem.bids, bid_costs, strict=True)):
        most = problem.tasks[bid.task].max_price
        if most is None or bid.cost <= most:
            options[bid.task].append(Option(columns[bid.bidder], cost, position))
    return solved(options, unawarded_costs, [len(options) if limit is None else limit for limit in limits])


def _columns(problem: TaskProblem) -> dict[str, int]:
    """Return the number of each bidder."""
    return {bidder: column for column, bidder in enumerate(sorted({bid.bidder for bid in problem.bids}))}


def _ordered_costs(problem: TaskProblem) -> tuple[list[int], list[int]]:
    """Return a cost for each bid and for each task left unawarded, whose sums order awards as `decide` says.

    Each criterion has its own digits of one large integer, the first criterion the highest; the sums of all
    lower ones together always differ by less than one unit of it.
    """
    costs = _tie_costs([bid.key for bid in problem.bids])
    unawarded = [0] * len(problem.tasks)
    leave = len(costs) + 32 + len(unawarded).bit_length()  # as a power of two
    unit = leave + len(unawarded).bit_length()
    choices: list[list[int]] = [[task.max_price or 0] for task in problem.tasks]
    for bid in problem.bids:
        choices[bid.task].append(bid.score)
    score_unit: dict[int, int] = {}
    for priority in sorted({task.priority for task in problem.tasks}):
        level = [t for t, task in enumerate(problem.tasks) if task.priority == priority]
        wanted = sum(problem.tasks[t].max_price is None for t in level)
        score_unit[priority] = unit
        award_unit = unit + sum(max(choices[t]) - min(choices[t]) for t in level).bit_length()
        for t in level:
            outside = problem.tasks[t].max_price
            unawarded[t] = (1 << award_unit if outside is None else outside << unit) + (1 << leave)
        unit = award_unit + wanted.bit_length()
    for i, bid in enumerate(problem.bids):
        costs[i] += bid.score << score_unit[problem.tasks[bid.task].priority]
    return costs, unawarded


def _tie_costs(keys: Sequence[str]) -> list[int]:
    """Return a cost for each key; the least sum is the set of keys that wins a tie, and no two sets tie.

    The upper digits are the first 32 bits, the lower ones -2**(number of greater keys). Of two sets, the one
    that holds the least key in which they differ has the larger sum of these powers, and that is the set
    whose ascending list comes first. The one exception is a list that is the beginning of the other: here the
    longer one comes first. Its further keys add nothing to the sum of 32 bits, so they, and with them all the
    lesser ones, begin with 32 zero bits: among digests that does not happen.
    """
    count = len(keys)
    costs = [0] * count
    for rank, i in enumerate(sorted(range(count), key=keys.__getitem__)):
        costs[i] = (int(keys[i][:8], 16) << count) - (1 << (count - 1 - rank))
    return costs


def _vcg(problem: TaskProblem, award: TaskAward) -> dict[int, int]:
    # Ties make no difference to Z, so the scores alone are enough here.
    flow = _flow(
        problem, [bid.score for bid in problem.bids], [task.max_price or 0 for task in problem.tasks]
    )
    if flow.cost() != award.score:
        raise ValueError("the award is not this problem's")
    columns = _columns(problem)
    of_owner: dict[str, set[int]] = {}
    for bid in problem.bids:
        of_owner.setdefault(_owner(bid), set()).add(columns[bid.bidder])
    won: dict[str, list[int]] = {}
    for winner in award.winners:
        if winner is not None:
            won.setdefault(_owner(problem.bids[winner]), []).append(winner)
    paid: dict[int, int] = {}
    for owner, positions in won.items():
        surplus = flow.without(of_owner[owner]).cost() - award.score
        paid |= _split(problem, positions, surplus)
    return paid


def _owner(bid: TaskBid) -> str:
    return bid.owner or bid.bidder


def _split(problem: TaskProblem, positions: Sequence[int], surplus: int) -> dict[int, int]:
    """Return cost + a share of `surplus` for each winning bid of one owner."""
    bids = [problem.bids[position] for position in positions]
    room = [(problem.tasks[bid.task].max_price or 0) - bid.cost for bid in bids]
    # With at most the whole room to split, a share in proportion to room never exceeds it, rounded up or not:
    # one cap on the sum does what a cap on each task and a second sharing would do.
    shares = largest_remainder(min(surplus, sum(room)), room, [bid.key for bid in bids])
    return {p: bid.cost + share for p, bid, share in zip(positions, bids, shares, strict=True)}

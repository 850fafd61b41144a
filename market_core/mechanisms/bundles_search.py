"""The best plan for bundles, exactly: what cannot be served is dropped, what is independent is solved apart.

Prices of the relaxation bound the surplus of every plan in whole numbers; what they decide for all plans that are as
good as one already known is fixed, and only what is left goes to the solver.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, repeat
from operator import mul

from market_core.mechanisms.bundles_highs import Row
from market_core.mechanisms.bundles_part import Found, Part, Plan, Supply, Want, joined
from market_core.mechanisms.bundles_program import GRAIN, LARGEST, Program
from market_core.mechanisms.highs import SOLVER

MANY = 100
"""Of more wants that no bound decides, some are expected to tie."""
FEW = 4
"""So many plans that tie are asked for without an aim."""
CORE = 30
"""So many wants that the prices hardly decide are solved first: that mostly gives the best plan, or nearly."""
ROUNDS = 1_000
"""Of no more solves in a row one is the last."""
ORDER = "order"
"""The solver of what needs none."""


def best(part: Part, seconds: float | None, *, ties: bool = True, hint: Plan | None = None) -> Found:
    """Return the plan of largest surplus; if `ties`, of those the one that the tie rule picks.

    Each solve of the solver takes at most `seconds`; `hint` is a plan to start from.
    """
    founds = [
        _solve(piece, seconds, ties=ties, hint=hint) for piece in pieces(part, by_owner=bool(part.fees))
    ]
    plan = {position: tasks for found in founds for position, tasks in found.plan.items()}
    return Found(
        plan,
        sum(found.surplus for found in founds),
        sum(found.bound for found in founds),
        " + ".join(sorted({found.solver for found in founds})) or ORDER,
        all(found.settled for found in founds),
    )


def pieces(part: Part, *, by_owner: bool) -> list[Part]:
    """Split a part where no want, and if `by_owner` no owner, reaches across, without what no plan serves.

    A resource of which the cheapest level is enough for all has one price: wants then pay it at once.
    """
    part = _settled_resources(_possible(part))
    leader = {want.position: want.position for want in part.wants}

    def find(place: int) -> int:
        while leader[place] != place:
            leader[place] = place = leader[leader[place]]
        return place

    first: dict[object, int] = {}
    for want in part.wants:
        shared = [resource for resource, amount in enumerate(want.amounts) if amount]
        for what in [*shared, want.owner] if by_owner else shared:
            leader[find(want.position)] = find(first.setdefault(what, want.position))
    groups: defaultdict[int, list[Want]] = defaultdict(list)
    for want in part.wants:
        groups[find(want.position)].append(want)
    nothing, made = Supply(()), []
    for group in groups.values():
        touched = {resource for want in group for resource, amount in enumerate(want.amounts) if amount}
        supplies = tuple(s if r in touched else nothing for r, s in enumerate(part.supplies))
        owners = {want.owner for want in group}
        fees = {owner: fee for owner, fee in part.fees.items() if owner in owners}
        made.append(Part(tuple(group), supplies, fees))
    return made


def _possible(part: Part) -> Part:
    """Return the part with no more tasks than there is supply for, and without wants worth less than they cost."""
    wants = []
    for want in part.wants:
        pairs = [(amount, s) for amount, s in zip(want.amounts, part.supplies, strict=True) if amount]
        most = min([want.most, *(supply.total // amount for amount, supply in pairs)])
        if most and want.worth >= sum(supply.cost(amount) for amount, supply in pairs):
            wants.append(replace(want, most=most))
    return replace(part, wants=tuple(wants))


def _settled_resources(part: Part) -> Part:
    """Return the part with resources that are never short taken out, at their first ask."""
    while True:
        wanted = [sum(want.amounts[r] * want.most for want in part.wants) for r in range(len(part.supplies))]
        plenty = {
            resource: supply.levels[0][1]
            for resource, supply in enumerate(part.supplies)
            if wanted[resource] and wanted[resource] <= supply.levels[0][0]
        }
        if not plenty:
            return part
        cheaper = tuple(
            replace(
                want,
                amounts=tuple(0 if r in plenty else amount for r, amount in enumerate(want.amounts)),
                worth=want.worth - sum(want.amounts[r] * ask for r, ask in plenty.items()),
            )
            for want in part.wants
        )
        part = _possible(replace(part, wants=cheaper))


def _solve(piece: Part, seconds: float | None, *, ties: bool, hint: Plan | None) -> Found:
    if not piece.fees and not any(any(want.amounts) for want in piece.wants):
        plan = {want.position: want.most for want in piece.wants}
        surplus = piece.value(plan)
        return Found(plan, surplus, surplus, ORDER)
    return _Search(_one_charge(piece), seconds).run(hint or {}, ties=ties)


def _one_charge(piece: Part) -> Part:
    """Return the piece with fees of owners that ask for one task in all taken from its worth."""
    asked: defaultdict[str, int] = defaultdict(int)
    for want in piece.wants:
        asked[want.owner] += want.most
    single = {owner for owner in piece.fees if asked[owner] == 1}
    wants = tuple(
        replace(want, worth=want.worth - piece.fees[want.owner]) if want.owner in single else want
        for want in piece.wants
    )
    return replace(piece, wants=wants, fees={o: fee for o, fee in piece.fees.items() if o not in single})


class _Search:
    """One piece: a plan that is good, what it decides, and the solver on the rest."""

    def __init__(self, piece: Part, seconds: float | None) -> None:
        self.piece, self.seconds = piece, seconds
        self.prices = Program(piece).prices(seconds)
        self.bound, self.reduced = _bound(piece, self.prices)
        self._opened: tuple[int, tuple[Part, Plan]] | None = None

    def run(self, hint: Plan, *, ties: bool) -> Found:
        own = {want.position for want in self.piece.wants}
        kept = {position: tasks for position, tasks in hint.items() if position in own}
        plans = [_filled(self.piece, self.prices, start) for start in ([{}, kept] if kept else [{}])]
        plan, other = max(({}, *plans), key=self.piece.value), None
        # Without ties this is a question about a plan for a few others, which nearly is the hint.
        plan = self._improved(plan) if ties else plan
        if ties and len(self._open(plan)[0].wants) <= MANY:
            other, sure = self._another(plan)
            if sure:
                return Found(plan, self.piece.value(plan), self.piece.value(plan), SOLVER)
            plan = max(plan, other or {}, key=self.piece.value)
        plan, bound, finished = self._best(plan)
        if finished and bound > self.piece.value(plan):
            plan, proved = self._better(plan)
            bound = self.piece.value(plan) if proved else bound
        surplus, settled = self.piece.value(plan), True
        if bound > surplus:
            return Found(plan, surplus, bound, SOLVER, settled=False)
        if ties:
            plan, settled = self._tied(plan, other)
        surplus = self.piece.value(plan)
        return Found(plan, surplus, surplus, SOLVER, settled)

    def _open(self, plan: Plan) -> tuple[Part, Plan]:
        """Return what no bound decides for plans at least as good as this one, and what is decided."""
        surplus = self.piece.value(plan)
        if self._opened is None or self._opened[0] != surplus:
            self._opened = surplus, self._left(self.bound - surplus * GRAIN)
        return self._opened[1]

    def _left(self, room: int) -> tuple[Part, Plan]:
        """Return what is open, and what is decided, in plans whose surplus is so near to the bound."""
        least, most, fees = [], [], self.piece.fees
        for want, reduced in zip(self.piece.wants, self.reduced, strict=True):
            change = want.most
            if abs(reduced) * change > room:
                change = room // abs(reduced)
            least.append(want.most - change if reduced > 0 and want.owner not in fees else 0)
            most.append(change if reduced < 0 else want.most)
        return self.piece.narrowed(least, most)

    def _improved(self, plan: Plan) -> Plan:
        """Return a plan at least as good: the best where the prices decide on all wants but some."""
        if len(self._open(plan)[0].wants) <= 2 * CORE:
            return plan
        wants, reduced = self.piece.wants, self.reduced
        nearest = sorted(range(len(wants)), key=lambda place: (abs(reduced[place]), wants[place].key))
        most = [want.most if each > 0 else 0 for want, each in zip(wants, reduced, strict=True)]
        least = list(most)
        for place in nearest[:CORE]:
            least[place], most[place] = 0, wants[place].most
        served = {want.position: low for want, low in zip(wants, least, strict=True) if low}
        if not self.piece.allows(served):
            return plan
        rest, decided = self.piece.narrowed(least, most)
        program = self._program(rest)
        answer = program.solve(program.cost, program.scale, self.seconds)
        return max(plan, joined(decided, answer.plan or {}), key=self.piece.value)

    def _program(self, rest: Part) -> Program:
        return Program(rest, [(price + GRAIN // 2) // GRAIN for price in self.prices])

    def _best(self, plan: Plan) -> tuple[Plan, int, bool]:
        """Return the best plan found, a bound on all, and whether the solver finished."""
        rest, decided = self._open(plan)
        known = self.piece.value(plan)
        if not rest.wants:
            return max(plan, decided, key=self.piece.value), max(known, self.piece.value(decided)), True
        if self.bound // GRAIN == known:
            return plan, known, True
        program = self._program(rest)
        start = {p: tasks - decided.get(p, 0) for p, tasks in plan.items() if tasks > decided.get(p, 0)}
        answer = program.solve(program.cost, program.scale, self.seconds, start)
        if answer.plan is not None:
            plan = max(plan, joined(decided, answer.plan), key=self.piece.value)
        surplus, most = self.piece.value(plan), self.bound // GRAIN
        if answer.bound is not None:
            base = self.piece.value(decided)
            most = max(surplus, min(most, base - answer.bound))
        if answer.finished:
            return plan, surplus if program.exact else most, True
        return plan, most, False

    def _better(self, plan: Plan) -> tuple[Plan, bool]:
        """Return the best plan where floats do not hold the numbers, and whether that is sure.

        Each solve excludes what is known, until nothing else is better even by rounded numbers.
        """
        rest, decided = self._open(plan)
        if not rest.wants:
            return plan, True
        program, picked = self._program(rest), plan
        for _ in range(ROUNDS):
            program.worth_at_least(self.piece.value(plan) + 1 - self.piece.value(decided))
            self._exclude(program, picked, decided)
            answer = program.solve({}, 1, self.seconds)
            if answer.plan is None:
                return plan, answer.infeasible
            picked = joined(decided, answer.plan)
            plan = max(plan, picked, key=self.piece.value)
        return plan, False

    def _as_good(self, plan: Plan) -> tuple[Program, Plan]:
        """Return the programme of all plans as good as this one but itself, and what it leaves out as decided."""
        rest, decided = self._open(plan)
        program = self._program(rest)
        program.worth_at_least(self.piece.value(plan) - self.piece.value(decided))
        self._exclude(program, plan, decided)
        return program, decided

    def _exclude(self, program: Program, plan: Plan, decided: Plan) -> None:
        program.exclude({p: n - decided.get(p, 0) for p, n in plan.items()})

    def _another(self, plan: Plan) -> tuple[Plan | None, bool]:
        """Return another plan as good or better, None without one, and whether it is sure that there is none.

        That it is, is one proof instead of two: that nothing is better, and that nothing is as good.
        """
        program, decided = self._as_good(plan)
        if not program.part.wants:
            return None, self.piece.value(decided) <= self.piece.value(plan)
        answer = program.solve({}, 1, self.seconds)
        return (None, answer.infeasible) if answer.plan is None else (joined(decided, answer.plan), False)

    def _tied(self, plan: Plan, other: Plan | None = None) -> tuple[Plan, bool]:
        """Return the plan of equal surplus that the tie rule picks, and whether that is sure.

        Each solve excludes what is known: the first asks whether there is anything else as good, unless an `other`
        is known; later ones for what the tie rule puts before it.
        """
        program, decided = self._as_good(plan)
        if not program.part.wants:
            return plan, True
        surplus, aims = self.piece.value(plan), chain(["tasks"], repeat("weights"))
        if len(program.part.wants) <= MANY:
            aims = chain(["any"], repeat("before", FEW), aims)
        asked = next(aims)
        if other is not None and other != plan and self.piece.value(other) == surplus:
            self._exclude(program, other, decided)
            plan, asked = min(plan, other, key=self.piece.tie_order), next(aims)
        for _ in range(ROUNDS):
            objective = self._next(program, asked, plan, decided)
            if sum(objective.values()) >= LARGEST:
                break
            answer = program.solve(objective, 1, self.seconds)
            if answer.plan is None:
                return plan, answer.infeasible
            picked = joined(decided, answer.plan)
            difference = self.piece.value(picked) - surplus
            if difference > 0:
                return self._tied(picked)  # floats were further off than they should be
            self._exclude(program, picked, decided)
            if difference:
                continue
            plan = min(plan, picked, key=self.piece.tie_order)
            asked = next(aims)
        return plan, False

    def _next(self, program: Program, asked: str, plan: Plan, decided: Plan) -> dict[int, int]:
        """Ask for any plan; for any that is before the known one by the tie rule, which is sooner proved not to exist.

        Where many plans tie these are too many: for the most tasks; for as many as are known and no more weight, the
        least of it.
        """
        tasks, weight, _ = self.piece.tie_order(plan)
        less, lighter, _ = self.piece.tie_order(decided)
        if asked == "tasks":
            return {column: -count for column, count in program.tasks().items()}
        if asked == "weights":
            program.rows.append(Row(program.tasks(), less - tasks, None))
            program.rows.append(Row(program.weights(), None, weight - lighter))
            return program.weights()
        if asked == "before":
            program.rows.append(program.before(less - tasks, weight - lighter))
        return {}


def _bound(piece: Part, prices: Sequence[int]) -> tuple[int, list[int]]:
    """Return a bound on the surplus of every plan, and what each want's task adds to it, in parts of GRAIN.

    Whatever the prices: each task brings its worth less its amounts at them, and each unit of supply what the
    price is above its ask; nobody does better than with all of what is above 0.
    """
    reduced = [want.worth * GRAIN - sum(map(mul, want.amounts, prices)) for want in piece.wants]
    gains: defaultdict[str, int] = defaultdict(int)
    for want, each in zip(piece.wants, reduced, strict=True):
        gains[want.owner] += max(each, 0) * want.most
    bound = sum(max(gain - piece.fees.get(owner, 0) * GRAIN, 0) for owner, gain in gains.items())
    for supply, price in zip(piece.supplies, prices, strict=True):
        bound += sum(quantity * max(price - ask * GRAIN, 0) for quantity, ask in supply.levels)
    return bound, reduced


def _filled(piece: Part, prices: Sequence[int], start: Plan) -> Plan:
    """Return a plan that adds to `start`, want by want, what fits and is worth its cost; the best for its size first."""
    plan, used = dict(start), list(piece.needed(start))
    # Rounded: this only chooses the order, and the plan is somewhere to begin.
    ratio = {
        want.position: (want.worth << 64) // (1 + sum(map(mul, want.amounts, prices))) for want in piece.wants
    }
    for want in sorted(piece.wants, key=lambda each: (-ratio[each.position], each.key)):
        pairs = [(r, amount) for r, amount in enumerate(want.amounts) if amount]
        fits = [(piece.supplies[r].total - used[r]) // amount for r, amount in pairs]
        tasks = min([want.most - plan.get(want.position, 0), *fits])
        if tasks < 1:
            continue
        cost = sum(
            piece.supplies[r].cost(used[r] + amount * tasks) - piece.supplies[r].cost(used[r])
            for r, amount in pairs
        )
        if cost <= want.worth * tasks:
            plan[want.position] = plan.get(want.position, 0) + tasks
            for r, amount in pairs:
                used[r] += amount * tasks
    return plan

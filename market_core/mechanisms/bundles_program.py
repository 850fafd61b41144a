"""Which wants to serve, as a MIP in whole numbers.

HiGHS computes in floats, so a plan it gives is a proposal, checked in whole numbers. Where amounts are too large for
floats to tell plans apart, costs are counted in so large parts that no plan is lost, and the search goes on until
nothing is left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import floor, gcd
from operator import mul

from market_core.mechanisms import bundles_highs as highs
from market_core.mechanisms.bundles_highs import Model, Row, Terms
from market_core.mechanisms.bundles_part import Part, Plan

LARGEST = 1 << 46
"""While amounts sum to less, floats tell whole numbers apart with six bits to spare."""
PART = 1 << 20
"""Of a weight of 32 bits: the smallest that counts where weights are compared across numbers of tasks."""
GRAIN = 1 << 20
"""Prices are rounded to one of so many parts of a micro-credit."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`plan`: None without one; `bound`: no plan costs less, None where nothing is known."""

    plan: Plan | None
    bound: int | None
    infeasible: bool
    finished: bool


class Program:
    """Columns from 0 to 1: binary digits of each want's tasks, how far each level of supply is used, owners used."""

    def __init__(self, part: Part, prices: Sequence[int] = ()) -> None:
        """Count worths and asks from prices, whole micro-credits per unit: near the right ones, little is left.

        That changes no plan's cost, as what is taken of a resource is what is used of its supply.
        """
        self.part, self.base = part, prices or [0] * len(part.supplies)
        self.digits = [
            (place, 1 << digit)
            for place, want in enumerate(part.wants)
            for digit in range(want.most.bit_length())
        ]
        self.levels = [(r, level) for r, supply in enumerate(part.supplies) for level in supply.levels]
        owners = sorted({want.owner for want in part.wants} & set(part.fees))
        first = len(self.digits) + len(self.levels)
        self.used = {owner: first + place for place, owner in enumerate(owners)}
        self.width = first + len(owners)
        self.grains = [self._grain(resource) for resource in range(len(part.supplies))]
        self.rows = [*self._supplied(), *self._wanted(), *self._charged()]
        self.cost, self.scale, self.exact = self._cost()
        """What the program minimises; costs of plans differ by `scale` at least, which floats see if `exact`."""

    def _grain(self, resource: int) -> int:
        amounts = (want.amounts[resource] for want in self.part.wants)
        return gcd(*amounts, *(quantity for quantity, _ in self.part.supplies[resource].levels)) or 1

    def _supplied(self) -> list[Row]:
        rows = []
        for resource, grain in enumerate(self.grains):
            terms = {
                column: self.part.wants[place].amounts[resource] // grain * count
                for column, (place, count) in enumerate(self.digits)
                if self.part.wants[place].amounts[resource]
            }
            for column, (own, (quantity, _)) in enumerate(self.levels, len(self.digits)):
                if own == resource:
                    terms[column] = -quantity // grain
            rows.append(Row(terms, 0, 0))
        return rows

    def _wanted(self) -> list[Row]:
        """Return the rows that hold the digits of a number to the most tasks, and those of better before worse."""
        rows, columns = list[Row](), dict[int, dict[int, int]]()
        for column, (place, count) in enumerate(self.digits):
            columns.setdefault(place, {})[column] = count
        for place, terms in columns.items():
            most = self.part.wants[place].most
            if most & most + 1:
                rows.append(Row(terms, None, most))
        return rows if self.part.fees else [*rows, *self._better_first()]

    def _better_first(self) -> list[Row]:
        """Return the rows by which, of wants for one and the same bundle, the one worth more goes first.

        Swapping the two improves a plan, or its place by the tie rule.
        """
        alike: dict[tuple[int, ...], list[tuple[int, str, int]]] = {}
        for column, (place, _) in enumerate(self.digits):
            want = self.part.wants[place]
            if want.most == 1:
                alike.setdefault(want.amounts, []).append((-want.worth, want.key, column))
        chains = [sorted(group) for group in alike.values()]
        return [
            Row({better[2]: -1, worse[2]: 1}, None, 0)
            for chain in chains
            for better, worse in pairwise(chain)
        ]

    def _charged(self) -> list[Row]:
        owners = ((column, self.part.wants[place].owner) for column, (place, _) in enumerate(self.digits))
        return [Row({column: 1, self.used[o]: -1}, None, 0) for column, o in owners if o in self.used]

    def _cost(self) -> tuple[dict[int, int], int, bool]:
        wants, base, first = self.part.wants, self.base, len(self.digits)
        left = [sum(map(mul, want.amounts, base)) - want.worth for want in wants]
        cost = {column: left[place] * count for column, (place, count) in enumerate(self.digits)}
        cost |= {c: quantity * (ask - base[r]) for c, (r, (quantity, ask)) in enumerate(self.levels, first)}
        cost |= {column: self.part.fees[owner] for owner, column in self.used.items()}
        # A level may be used in part, but never in parts of a grain.
        steps = [self.grains[r] * ask for r, (_, ask) in self.levels]
        scale = gcd(*(want.worth for want in wants), *steps, *self.part.fees.values()) or 1
        total = sum(map(abs, cost.values()))
        exact = total < LARGEST * scale
        if not exact:
            scale = total // LARGEST + 1
        return cost, scale, exact

    def weights(self) -> dict[int, int]:
        """Return the weight of each column by the tie rule."""
        return {c: self.part.wants[place].weight * count for c, (place, count) in enumerate(self.digits)}

    def tasks(self) -> dict[int, int]:
        """Return how many tasks each column stands for."""
        return {column: count for column, (_, count) in enumerate(self.digits)}

    def before(self, tasks: int, weight: int) -> Row:
        """Return the row that holds for plans of more tasks, or of as many and no more weight, as far as floats tell."""
        weights = self.weights()
        task = sum(weights.values()) + 1
        terms = {column: weights[column] - task * count for column, count in self.tasks().items()}
        return Row(terms, None, weight - task * tasks, PART)

    def worth_at_least(self, surplus: int) -> None:
        """Rule out plans of less surplus, as far as floats tell."""
        self.rows.append(Row(self.cost, None, -surplus, self.scale))

    def exclude(self, plan: Plan) -> None:
        """Rule out exactly this plan."""
        tasks = [plan.get(want.position, 0) for want in self.part.wants]
        ones = [bool(tasks[place] & count) for place, count in self.digits]
        self.rows.append(Row({c: -1 if one else 1 for c, one in enumerate(ones)}, 1 - sum(ones), None))

    def solve(self, objective: Terms, scale: int, seconds: float | None, start: Plan | None = None) -> Answer:
        """Minimise; a proposal for which there is not enough is excluded, and the rest searched again."""
        begin = [] if start is None else self._start(start)
        while True:
            found = highs.least(self._model(), objective, scale, seconds, begin)
            plan = None if found.ones is None else self._plan(found.ones)
            if plan is None or self._holds(plan):
                bound = None if found.bound is None else floor(found.bound) * scale
                return Answer(plan, bound, found.infeasible, found.finished)
            self.exclude(plan)

    def _model(self) -> Model:
        return Model(self.rows, self.width, len(self.digits))

    def _holds(self, plan: Plan) -> bool:
        return self.part.allows(plan) and all(plan.get(w.position, 0) <= w.most for w in self.part.wants)

    def _plan(self, ones: Sequence[int]) -> Plan:
        plan: Plan = {}
        for column in ones:
            if column >= len(self.digits):
                break
            place, count = self.digits[column]
            position = self.part.wants[place].position
            plan[position] = plan.get(position, 0) + count
        return plan

    def _start(self, plan: Plan) -> list[Fraction]:
        """Return the columns of a plan."""
        wants = self.part.wants
        values = [Fraction(bool(plan.get(wants[place].position, 0) & count)) for place, count in self.digits]
        left = list(self.part.needed(plan))
        for resource, (quantity, _) in self.levels:
            used = min(left[resource], quantity)
            left[resource] -= used
            values.append(Fraction(used, quantity))
        served = {want.owner for want in wants if plan.get(want.position)}
        return values + [Fraction(owner in served) for owner in self.used]

    def prices(self, seconds: float | None) -> list[int]:
        """Return a price of each resource, in parts of GRAIN, that bounds the surplus well; 0 if not solved."""
        duals = highs.duals(self._model(), self.cost, len(self.grains), seconds)
        return [
            max(0, round(Fraction(-dual * GRAIN, grain)))
            for dual, grain in zip(duals, self.grains, strict=True)
        ]

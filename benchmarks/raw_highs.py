"""The plain HiGHS model of an instance, without any of our own work: the baseline that ours is compared with."""

from itertools import accumulate
from time import perf_counter
from typing import Any

from generators import Instance


def raw_highs(
    instance: Instance, combine: str = "xor", seconds: float | None = None, *, most: int | None = None
) -> tuple[int, float, str]:
    """Return the cost in micro-credits of the bids chosen, the seconds spent, and HiGHS's status in its words.

    A binary per bid; a row >= 1 per lot; with `combine` "xor" a row <= 1 per bidder, none with "or". With `most`,
    under xor, a row of at most so many winners. Gap 0, one thread, at most `seconds` of solving (None: no limit).
    The seconds are those of building and solving, without importing HiGHS. "Optimal" is HiGHS's claim; that the bids
    chosen keep to the rows is checked here, exactly, and their cost is summed in integers.
    Raises ValueError for another `combine`, RuntimeError where HiGHS fails or finds no solution in time.
    """
    if combine not in {"xor", "or"}:
        raise ValueError(f"combine is xor or or, not {combine}")
    if most is not None and combine == "or":
        raise ValueError("under or a winner is not a bid")
    import highspy  # noqa: PLC0415  (heavy, and it takes numpy along: imported when used, and before the clock)

    began = perf_counter()
    solver = _solver(highspy, seconds)
    _done(highspy, solver.passModel(_model(highspy, instance, combine)))
    if most is not None:
        every = list(range(len(instance.bids)))
        _done(highspy, solver.addRow(0.0, float(most), len(every), every, [1.0] * len(every)))
    _done(highspy, solver.run())
    took = perf_counter() - began
    status = str(solver.modelStatusToString(solver.getModelStatus()))
    if solver.getInfo().primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        raise RuntimeError(f"{instance.name}: no solution ({status})")
    chosen = [bid for bid, value in enumerate(solver.getSolution().col_value) if value > 0.5]
    if most is not None and len(chosen) > most:
        raise RuntimeError(f"{instance.name}: HiGHS chose more than {most} winners")
    return _checked(instance, combine, chosen), took, status


def _solver(highspy: Any, seconds: float | None) -> Any:
    """Return a silent solver for exact optima: its default gap of 1e-4 would be called Optimal too."""
    solver = highspy.Highs()
    options = {"output_flag": False, "threads": 1, "mip_rel_gap": 0.0, "mip_abs_gap": 0.5}
    if seconds is not None:
        options["time_limit"] = float(seconds)
    for name, value in options.items():
        _done(highspy, solver.setOptionValue(name, value))
    return solver


def _model(highspy: Any, instance: Instance, combine: str) -> Any:
    """Return the model: a column per bid, the rows of the lots and then, with xor, those of the bidders."""
    lots, bids = instance.lots, instance.bids
    bidders = 1 + max(bidder for bidder, _, _ in bids) if combine == "xor" else 0
    columns = [
        [*sorted(bundle), lots + bidder] if combine == "xor" else sorted(bundle) for bidder, bundle, _ in bids
    ]
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(bids), lots + bidders
    lp.col_cost_ = [float(cost) for *_, cost in bids]
    lp.col_lower_, lp.col_upper_ = [0.0] * len(bids), [1.0] * len(bids)
    lp.integrality_ = [highspy.HighsVarType.kInteger] * len(bids)
    lp.row_lower_ = [1.0] * lots + [-highspy.kHighsInf] * bidders
    lp.row_upper_ = [highspy.kHighsInf] * lots + [1.0] * bidders
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = [0, *accumulate(len(column) for column in columns)]
    lp.a_matrix_.index_ = [row for column in columns for row in column]
    lp.a_matrix_.value_ = [1.0] * len(lp.a_matrix_.index_)
    return lp


def _done(highspy: Any, status: Any) -> None:
    # A time limit that was reached is a warning; the model status tells it.
    if status == highspy.HighsStatus.kError:
        raise RuntimeError("HiGHS refused a call")


def _checked(instance: Instance, combine: str, chosen: list[int]) -> int:
    """Return the exact cost of the `chosen` bids. Raises RuntimeError if they break a row."""
    bids = [instance.bids[bid] for bid in chosen]
    covered = {lot for _, bundle, _ in bids for lot in bundle}
    if covered != set(range(instance.lots)):
        raise RuntimeError(f"{instance.name}: HiGHS leaves lots uncovered")
    if combine == "xor" and len({bidder for bidder, _, _ in bids}) < len(bids):
        raise RuntimeError(f"{instance.name}: HiGHS chose two bids of one bidder")
    return sum(cost for *_, cost in bids)

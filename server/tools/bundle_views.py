"""What answers say of demand for several resources together: as posted, and as allocated."""

from market_core.events import BundlesCleared, Fill, LeftOut
from market_core.handle import States
from market_core.values import plain, resource_of, total
from server.batch import After
from server.projection import bundle_text
from server.tools import answers
from server.tools.book_texts import because_of_bundle, book_of


def posted_text(states: States, made: answers.BundlePosted) -> str:
    """Return what the books of a bundle hold besides it."""
    lines = []
    for name in made.bundle:
        book = book_of(states, name)
        offered = plain(total(entry.left for entry in book.offers.values()))
        lines.append(f"{name}: {offered} offered, {answers.count(len(book.bundles), 'bundle')} asked for")
    return "; ".join(lines)


def cleared(after: After) -> tuple[answers.Aggregated, str]:
    """Return the answer to an aggregation of demand for bundles."""
    event = next(iter(after.decision.events.values()))[0]
    assert isinstance(event, BundlesCleared)  # what clearing bundles makes
    most = answers.MOST_ROWS
    made = answers.BundleClearing(
        resources=list(event.resources),
        policy=event.policy,
        payment_rule=event.payment_rule,
        total_payment=event.total,
        prices={name: answers.numbers(price) for name, price in event.prices.items()} or None,
        allocated=len(event.allocations),
        allocations=[_given(event, place) for place in range(min(most, len(event.allocations)))],
        sold=len(event.suppliers),
        suppliers=[_sold(fill) for fill in event.suppliers[:most]],
        left_out=[_out(row) for row in event.left_out[:most]] or None,
        proof=None
        if event.proof is None
        else answers.Proof(
            status=event.proof.status,
            gap=event.proof.gap,
            bound=event.proof.bound,
            solver=event.proof.solver,
        ),
    )
    return answers.Aggregated(clearings=[], not_cleared=[], bundles=made), _text(event, made)


def _given(event: BundlesCleared, place: int) -> answers.Object:
    fill = event.allocations[place]
    row: answers.Object = {"agent": fill.agent, "demand_id": fill.bundle_id}
    row |= {"tasks": answers.numbers(fill.tasks), "payment": answers.numbers(fill.payment)}
    row["quantities"] = {name: answers.numbers(quantity) for name, quantity in fill.quantities.items()}
    return row | ({"reason": fill.reason} if fill.reason else {})


def _sold(fill: Fill) -> answers.Object:
    row: answers.Object = {
        "agent": fill.agent,
        "offer_id": fill.entry_id,
        "resource": resource_of(fill.entry_id),
    }
    return row | {"quantity": answers.numbers(fill.quantity), "payment": answers.numbers(fill.payment)}


def _out(row: LeftOut) -> answers.Object:
    return {"agent": row.agent, "id": row.entry_id, "reason": row.reason}


_WHY = {
    "pay_as_bid": "Who was served pays its own max_payment.",
    "vcg": "Each owner pays what it costs the others that it is served.",
    "core": "The least payments that no group of owners and offers could better among themselves.",
    "uniform": "One price for each resource, at which everybody deals.",
}


def _text(event: BundlesCleared, made: answers.BundleClearing) -> str:
    shared = {"fair": ": shared by dominant resource", "priority": ": the higher priority first"}
    head = (
        f"Cleared bundles of {', '.join(made.resources)}, policy {made.policy}{shared.get(made.policy, '')}, "
        f"payment_rule {made.payment_rule}: {answers.count(made.allocated, 'demand')} served for "
        f"{answers.credits_text(made.total_payment)} in all, which the suppliers get. {_WHY[made.payment_rule]}"
    )
    if made.prices:
        head += f" Per unit: {', '.join(f'{name} {price}' for name, price in made.prices.items())}."
    gets = answers.table(
        ["gets", "tasks", "of", "pays", "got less because"],
        (
            [f.agent, f.tasks, bundle_text(f.quantities), f.payment, because_of_bundle(f.reason)]
            for f in event.allocations[: answers.MOST_ROWS]
        ),
    )
    sells = answers.table(
        ["sells", "quantity", "of", "receives"],
        ([r["agent"], r["quantity"], r["resource"], r["payment"]] for r in made.suppliers),
    )
    out = "".join(
        f"\nLeft out: {row.agent}, {row.entry_id}: {because_of_bundle(row.reason)}."
        for row in event.left_out[: answers.MOST_ROWS]
    )
    cut = made.allocated > len(made.allocations) or made.sold > len(made.suppliers)
    more = f"\nShown: {len(made.allocations)} of {made.allocated} demands, {len(made.suppliers)} of {made.sold} offers."
    return (
        f"{head}\n{gets}\n\n{sells}{more if cut else ''}{out}"
        "\nNext: inbox tells each agent its part; get_resource shows what is left."
    )

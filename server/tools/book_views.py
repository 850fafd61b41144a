"""What an answer says of a resource's book: sums, curves, one's own entries, what clearing now would give."""

from collections.abc import Sequence
from typing import Any

from market_core.book import Traded
from market_core.curves import Step
from market_core.observation import MOST_DRAWN, PolicySeen, ResourceSeen
from market_core.values import from_micros, name_of, plain, shown, total
from server.projection import bundle_text
from server.tools import answers
from server.tools.resources import pool_row, side


def resource_answer(seen: ResourceSeen) -> tuple[answers.ResourceSeen, str]:
    """Return the answer for a resource as seen."""
    made = answers.ResourceSeen(
        resource=seen.name,
        unit=seen.unit or None,
        whole=seen.whole,
        policy=seen.policy,
        payment_rule=seen.payment_rule,
        demand=side(seen.demand, seen.mean_limits[0]),
        offers=side(seen.offers, seen.mean_limits[1]),
        demand_curve=_curve(seen.curves[0]) or None,
        offer_curve=_curve(seen.curves[1]) or None,
        own=_own_rows(seen),
        bundles=side(seen.bundled) if seen.bundled.entries else None,
        pools=[pool_row(pool) for pool in seen.pools[:20]] or None,
        preview=[_preview_row(row) for row in seen.previews] or None,
        unmet=total((seen.demand.quantity, -seen.tradable))
        if seen.previews and seen.previews[0].computed
        else None,
        last_clearings=[_traded(each) for each in seen.recent] or None,
        standing=_standing(seen) or None,
    )
    text = [_title(seen), _sides_table(seen), *_curve_texts(made), *_preview_texts(made, seen)]
    if made.bundles:
        text.append(_bundles_text(seen))
    text += [
        f"In a pool until {pool['closes_at']}: {pool['quantity']} of {pool['owners']} owners, auction {pool['auction_id']}."
        for pool in made.pools or ()
    ]
    if made.standing:
        text.append(_standing_text(seen))
    if made.last_clearings:
        heads = ["last cleared", "policy", "quantity", "price", "buyers", "sellers"]
        rows = ([shown(t.at), t.policy, t.quantity, t.price, t.buyers, t.sellers] for t in seen.recent)
        text.append(answers.table(heads, rows))
    if made.own:
        own = ([e.id, e.kind, e.left, e.limit, e.until] for e in made.own)
        text.append("Yours:\n" + answers.table(["id", "kind", "left", "limit", "until"], own))
    return made, "\n".join(text) + f"\nNext: {_then(seen)}"


def _own_rows(seen: ResourceSeen) -> list[answers.EntryRow]:
    """Return the viewer's entries, then its demand for bundles."""
    entries = [
        answers.EntryRow(
            id=e.entry_id,
            kind=e.side,
            left=e.left,
            limit=e.limit,
            minimum=e.minimum or None,
            until=e.until,
        )
        for e in seen.own
    ]
    bundles = [
        answers.EntryRow(
            id=demand.bundle_id,
            kind=f"bundle of {bundle_text({n: from_micros(a) for n, a in demand.amounts.items()})}",
            left=from_micros(demand.left),
            limit=demand.max_payment,
            until=demand.until,
        )
        for demand in seen.own_bundles
    ]
    return entries + bundles


def _title(seen: ResourceSeen) -> str:
    said = [
        f"Book of {name_of(seen.name)}",
        f" in {seen.unit}" if seen.unit else "",
        ", whole units only" if seen.whole else "",
        f", always cleared with policy {seen.policy}" if seen.policy else "",
        f", payment_rule {seen.payment_rule}" if seen.payment_rule else "",
    ]
    return "".join(said) + "."


def _sides_table(seen: ResourceSeen) -> str:
    sides = zip(("demand", "offers"), (seen.demand, seen.offers), seen.mean_limits, strict=True)
    rows = ([name, one.quantity, one.entries, one.owners, mean] for name, one, mean in sides)
    return answers.table(["side", "quantity", "entries", "owners", "mean limit"], rows)


def _preview_texts(made: answers.ResourceSeen, seen: ResourceSeen) -> list[str]:
    """Return what clearing now would give under each policy, or why that is not shown."""
    if made.preview:
        heads = ["clearing now", "quantity", "clearing_price"]
        rows = ([row["policy"], row.get("quantity"), row.get("clearing_price")] for row in made.preview)
        hard = [row["policy"] for row in made.preview if "not_computed" in row]
        return [answers.table(heads, rows)] + [
            f"What {policy} would give was not computed: minimums and tiers leave much to search, which "
            "aggregate_demand does."
            for policy in hard
        ]
    if seen.demand.entries + seen.offers.entries > MOST_DRAWN:
        return [f"Curves and what clearing now would give are shown up to {MOST_DRAWN:,} entries."]
    if seen.demand.entries and seen.offers.entries:
        return ["What clearing now would give is shown only with 3 owners on each side."]
    return []


def _bundles_text(seen: ResourceSeen) -> str:
    bundles, owners = seen.bundled.entries, seen.bundled.owners
    return (
        f"Besides, {plain(seen.bundled.quantity)} of it is wanted together with "
        f"{', '.join(seen.bundled_with) or 'nothing else'}, in {answers.count(bundles, 'bundle')} of "
        f"{answers.count(owners, 'owner')}: aggregate_demand via bundles, with all of these named, serves them."
    )


def _then(seen: ResourceSeen) -> str:
    if seen.demand.entries and seen.offers.entries:
        return "aggregate_demand trades what fits."
    if seen.demand.entries:
        return "offer_resources sells to it, or aggregate_demand via auction buys it in one auction."
    return "request_resources or offer_resources add to it."


def _curve_texts(made: answers.ResourceSeen) -> list[str]:
    """Return the curves as lines: how much is wanted from a price on, and offered up to one."""
    texts = []
    for curve, said in ((made.demand_curve, "Demand"), (made.offer_curve, "Offers")):
        if curve:
            points = (f"{point['quantity']} ({point['unit_price']})" for point in curve)
            texts.append(f"{said} in steps, quantity so far (mean limit of the step): {', '.join(points)}.")
    return texts


def _curve(steps: Sequence[Step]) -> list[dict[str, Any]]:
    return [
        {"quantity": answers.numbers(step.quantity), "unit_price": answers.numbers(step.unit_price)}
        for step in steps
    ]


def _preview_row(row: PolicySeen) -> dict[str, Any]:
    told = {"policy": row.policy, "quantity": answers.numbers(row.quantity)}
    if row.clearing_price is not None:
        told["clearing_price"] = answers.numbers(row.clearing_price)
    return told if row.computed else {"policy": row.policy, "not_computed": True}


def _traded(made: Traded) -> dict[str, Any]:
    told: dict[str, Any] = {"at": shown(made.at), "by": made.by, "policy": made.policy}
    told["quantity"] = answers.numbers(made.quantity)
    if made.price is not None:
        told["clearing_price"] = answers.numbers(made.price)
    told |= {"buyers": made.buyers, "sellers": made.sellers}
    return told | ({"via": "bundles"} if made.bundles else {})


def _standing(seen: ResourceSeen) -> dict[str, Any]:
    """Return when the book is cleared without anybody asking."""
    told: dict[str, Any] = {}
    if seen.every is not None:
        told["every"] = answers.numbers(seen.every)
    if seen.at_quantity is not None:
        told["at_quantity"] = answers.numbers(seen.at_quantity)
    if told and seen.next_clearing is not None:
        told["next"] = shown(seen.next_clearing)
    return told


def _standing_text(seen: ResourceSeen) -> str:
    when = [f"every {plain(seen.every)} seconds"] if seen.every is not None else []
    when += [f"as soon as {plain(seen.at_quantity)} is asked for"] if seen.at_quantity is not None else []
    due = (
        f"next at {shown(seen.next_clearing)}" if seen.next_clearing else "next once something new is posted"
    )
    return f"It is cleared by itself {' and '.join(when)}: {due}."

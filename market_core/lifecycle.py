"""The legal moves of an auction, a demand and an offer, as tables that can be printed.

`AUCTION_MOVES[status][move]` is the status after it. A move that is not in the row of the status is refused
with `REFUSED_IN[status]`. The deadline is not a move: `auction.status_at` derives `closed` from it.
"""

from collections.abc import Mapping
from typing import Literal

from market_core.rejections import Code, Rejection

AuctionStatus = Literal["open", "closed", "awarded", "unsold", "cancelled"]
AuctionMove = Literal[
    "bid", "withdraw_bid", "close", "award", "fail_to_award", "cancel", "preview", "report", "award_again"
]
EntryStatus = Literal["open", "filled", "withdrawn", "replaced", "lapsed"]

AUCTION_MOVES: Mapping[AuctionStatus, Mapping[AuctionMove, AuctionStatus]] = {
    "open": {
        "bid": "open",
        "withdraw_bid": "open",
        "close": "closed",
        "award": "awarded",
        "fail_to_award": "unsold",
        "cancel": "cancelled",
    },
    "closed": {
        "award": "awarded",
        "fail_to_award": "unsold",
        "cancel": "cancelled",
        "preview": "closed",
    },
    "awarded": {"report": "awarded", "award_again": "awarded"},
    "unsold": {},
    "cancelled": {},
}

REFUSED_IN: Mapping[AuctionStatus, Code] = {
    "open": Code.AUCTION_OPEN,
    "closed": Code.AUCTION_CLOSED,
    "awarded": Code.AUCTION_AWARDED,
    "unsold": Code.AUCTION_UNSOLD,
    "cancelled": Code.AUCTION_CANCELLED,
}

ENTRY_MOVES: Mapping[EntryStatus, Mapping[str, EntryStatus]] = {
    "open": {
        "fill_partly": "open",
        "fill": "filled",
        "withdraw": "withdrawn",
        "replace": "replaced",
        "lapse": "lapsed",
    },
    "filled": {},
    "withdrawn": {},
    "replaced": {},
    "lapsed": {},
}


def check_move(status: AuctionStatus, move: AuctionMove) -> None:
    """Raise the Rejection for `move` in an auction that is `status`, unless the table allows it."""
    if move not in AUCTION_MOVES[status]:
        if move in ("report", "award_again") and status in ("open", "closed"):
            raise Rejection(Code.NOT_AWARDED, status=status)
        raise Rejection(REFUSED_IN[status])

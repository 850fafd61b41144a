"""Every refusal of the market, in order of precedence: when several apply, the first one is given.

The order is identity, existence or visibility, permission, state, time, values, limits. A refusal names
the rule, gives the facts and says what to do next; its words are ours, never another agent's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """The refusals, most important first."""

    # identity
    AGENT_REQUIRED = "agent_required"
    NOT_YOUR_AGENT = "not_your_agent"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    # not even a question
    UNKNOWN_TOOL = "unknown_tool"
    UNKNOWN_ARGUMENT = "unknown_argument"
    INVALID_VALUE = "invalid_value"
    # existence or visibility
    UNKNOWN_AUCTION = "unknown_auction"
    UNKNOWN_ID = "unknown_id"
    UNKNOWN_RESOURCE = "unknown_resource"
    UNKNOWN_AGENT = "unknown_agent"
    # permission
    NOT_THE_BUYER = "not_the_buyer"
    NOT_THE_PROVIDER = "not_the_provider"
    NOT_YOUR_BID = "not_your_bid"
    NOT_YOUR_ENTRY = "not_your_entry"
    OWN_AUCTION = "own_auction"
    BOTH_SIDES = "both_sides"
    POOL_DECIDES = "pool_decides"
    POOL_NOT_REPORTED = "pool_not_reported"
    POOL_MEMBER = "pool_member"
    NOT_INVITED = "not_invited"
    OWNER_BIDS_ALREADY = "owner_bids_already"
    # state
    AUCTION_CANCELLED = "auction_cancelled"
    AUCTION_UNSOLD = "auction_unsold"
    ALREADY_TAKEN = "already_taken"
    ALREADY_YOURS = "already_yours"
    AUCTION_AWARDED = "auction_awarded"
    AUCTION_CLOSED = "auction_closed"
    AUCTION_OPEN = "auction_open"
    NOT_AWARDED = "not_awarded"
    NOT_REPORTED = "not_reported"
    OUTCOME_SETTLED = "outcome_settled"
    OUTCOME_DISPUTED = "outcome_disputed"
    OUTCOME_REPORTED = "outcome_reported"
    NOT_DISPUTED = "not_disputed"
    NOT_FAILED = "not_failed"
    AWARDED_INSTEAD = "awarded_instead"
    NOBODY_LEFT = "nobody_left"
    BID_WITHDRAWN = "bid_withdrawn"
    BID_REPLACED = "bid_replaced"
    TWO_BIDS_FOR_ONE = "two_bids_for_one"
    LEADING_BID = "leading_bid"
    ENTRY_GONE = "entry_gone"
    POOL_CLOSED = "pool_closed"
    IN_A_POOL = "in_a_pool"
    RESOURCE_IN_USE = "resource_in_use"
    NOTHING_TO_CLEAR = "nothing_to_clear"
    # time
    BIDDING_ENDED = "bidding_ended"
    BEFORE_DEADLINE = "before_deadline"
    DISPUTE_ENDED = "dispute_ended"
    NO_CLOCK = "no_clock"
    DEADLINE_PASSED = "deadline_passed"
    # values
    TAKE_REQUIRED = "take_required"
    NOTHING_TO_TAKE = "nothing_to_take"
    MUST_BIND = "must_bind"
    FIELD_DOES_NOT_FIT = "field_does_not_fit"
    LOTS_REQUIRED = "lots_required"
    UNKNOWN_LOT = "unknown_lot"
    MISSING_CAPABILITY = "missing_capability"
    MISSING_ATTRIBUTE = "missing_attribute"
    BELOW_MIN_RELIABILITY = "below_min_reliability"
    ESTIMATED_TIME_REQUIRED = "estimated_time_required"
    QUALITY_REQUIRED = "quality_required"
    CONFIDENCE_REQUIRED = "confidence_required"
    BID_ABOVE_MAX_PRICE = "bid_above_max_price"
    SCORE_OUT_OF_RANGE = "score_out_of_range"
    BID_NOT_IMPROVED = "bid_not_improved"
    OFFER_TOO_LOW = "offer_too_low"
    TOTAL_OUT_OF_RANGE = "total_out_of_range"
    NOT_WHOLE = "not_whole"
    THRESHOLD_NOT_MET = "threshold_not_met"
    ABOVE_GRANT = "above_grant"
    PROVIDER_REQUIRED = "provider_required"
    NOT_A_WINNER = "not_a_winner"
    FIXED_BY_OPERATOR = "fixed_by_operator"
    CLEARING_RULE_DOES_NOT_FIT = "clearing_rule_does_not_fit"
    PAYMENT_RULE_DOES_NOT_FIT = "payment_rule_does_not_fit"
    NO_COMPETITION = "no_competition"
    CONSTRAINTS_CONFLICT = "constraints_conflict"
    NOT_PROVED = "not_proved"
    NOT_TOGETHER = "not_together"
    # limits
    TOO_MANY_ENTRIES = "too_many_entries"
    BOOK_FULL = "book_full"
    TOO_MANY_BIDS = "too_many_bids"
    TOO_MANY_OWN_BIDS = "too_many_own_bids"
    TOO_LARGE = "too_large"
    # not now
    SOLVER_GONE = "solver_gone"
    BUSY = "busy"
    STORE_UNAVAILABLE = "store_unavailable"
    STORE_BROKEN = "store_broken"


@dataclass(frozen=True, slots=True)
class Words:
    """The sentence and the next step of a refusal; both may use the facts by name."""

    message: str
    next: str
    transient: bool = False


WORDS: Mapping[Code, Words] = {
    Code.AGENT_REQUIRED: Words(
        "this server serves many agents, so it must know who acts",
        "repeat the call with agent: your agent id",
    ),
    Code.NOT_YOUR_AGENT: Words(
        "this server acts only for {bound}", "leave agent out, or give agent: {bound}"
    ),
    Code.IDEMPOTENCY_KEY_REUSED: Words(
        "this idempotency_key was used before with other content; nothing was done",
        "use a new key for a new request, or repeat the first request exactly to get its answer",
    ),
    Code.UNKNOWN_TOOL: Words("there is no tool {tool}", "use one of: {tools}"),
    Code.UNKNOWN_ARGUMENT: Words("unknown argument: {unknown}; nothing was done", "use only: {allowed}"),
    Code.INVALID_VALUE: Words("{field}: {rule}", "correct {field} and repeat the call"),
    Code.UNKNOWN_AUCTION: Words(
        "there is no auction with this id", "list_auctions shows the auctions with their ids"
    ),
    Code.UNKNOWN_ID: Words(
        "there is no bid, demand, offer or auction with this id that you may see",
        "inbox lists yours with their ids",
    ),
    Code.UNKNOWN_RESOURCE: Words(
        "nobody has requested, offered or declared this resource",
        "get_resource without a name lists the resources; request_resources starts a new one",
    ),
    Code.UNKNOWN_AGENT: Words(
        "no agent with this id is registered", "get_agent without agent_id lists the registered agents"
    ),
    Code.NOT_THE_BUYER: Words(
        "only the buyer of an auction may do this",
        "act as the agent that created the auction, or create your own with create_auction",
    ),
    Code.NOT_YOUR_BID: Words(
        "this bid is another agent's", "inbox lists your own bids; act as the agent that made the bid"
    ),
    Code.NOT_YOUR_ENTRY: Words(
        "this demand or offer is another agent's",
        "inbox lists your own; act as the agent that posted it",
    ),
    Code.OWN_AUCTION: Words(
        "a buyer, and every agent of the same owner, cannot bid on its own auction nor be invited to it",
        "leave the auction to agents of other owners",
    ),
    Code.BOTH_SIDES: Words(
        "your owner stands on the other side of this resource's book already, {holder} with {entry}; nobody trades with itself",
        "withdraw {entry} as {holder} first, or wait until it is filled",
    ),
    Code.OWNER_BIDS_ALREADY: Words(
        "{other}, an agent of your owner, has a bid here; where several bids win together an owner bids through one agent",
        "bid as {other}, or withdraw its bids first",
    ),
    Code.POOL_DECIDES: Words(
        "this auction buys for a pool, and the market acts for it: it decides at {closes_at}",
        "inbox tells what came of it; until then a member leaves by withdrawing its demand",
    ),
    Code.POOL_NOT_REPORTED: Words(
        "this auction buys for a pool: each supplier delivers to many members, so there is no one outcome to report, and no "
        "record of it",
        "inbox says who delivers how much to whom, to be settled among them; what should count for a track record, buy with "
        "create_auction",
    ),
    Code.POOL_MEMBER: Words(
        "an agent of your owner had demand in this pool when it was opened, so no agent of it can supply it",
        "list_auctions with status open shows where you can bid",
    ),
    Code.NOT_INVITED: Words(
        "this auction is open only to invited agents", "list_auctions shows others you can bid on"
    ),
    Code.AUCTION_CANCELLED: Words(
        "the auction was cancelled", "list_auctions shows open ones; create_auction posts a new one"
    ),
    Code.AUCTION_UNSOLD: Words(
        "the auction ended unsold", "list_auctions shows open ones; create_auction posts a new one"
    ),
    Code.ALREADY_TAKEN: Words(
        "another provider took this auction's offer first",
        "list_auctions with status open shows others; in a Dutch auction the first to take wins",
    ),
    Code.ALREADY_YOURS: Words(
        "you have taken this auction's offer already, and won it at {payment} credits",
        "nothing more to take; inbox shows it among the work you are to deliver",
    ),
    Code.AUCTION_AWARDED: Words(
        "the auction was awarded and that is final", "get_auction shows winner and payment"
    ),
    Code.AUCTION_CLOSED: Words(
        "bidding in this auction has ended", "list_auctions with status open shows where you can bid"
    ),
    Code.AUCTION_OPEN: Words(
        "the auction is still open for bids",
        "preview_award works once it is closed; without a deadline, close_auction closes it",
    ),
    Code.NOT_AWARDED: Words(
        "the auction has no award yet; its status is {status}", "award decides it; then report the outcome"
    ),
    Code.NOT_THE_PROVIDER: Words(
        "only a winner of this auction says that its work is delivered, or disputes a report on it",
        "the buyer says how it went with success; inbox lists what you are to deliver",
    ),
    Code.NOT_REPORTED: Words(
        "nobody has reported on your work in this auction yet, so there is nothing to dispute",
        "delivered: true says that your work is done; inbox tells of the buyer's report",
    ),
    Code.OUTCOME_SETTLED: Words(
        "the outcome was disputed and is settled, for good", "get_auction shows what was settled"
    ),
    Code.OUTCOME_DISPUTED: Words(
        "the report on your work is in dispute already, and counts for nobody meanwhile",
        "dispute: false accepts the report as it stands; else the buyer may change it, or the operator settles it",
    ),
    Code.OUTCOME_REPORTED: Words(
        "the outcome of this award was already reported{until}",
        "get_auction shows the report; the provider may dispute it, the operator settles a dispute",
    ),
    Code.NOT_DISPUTED: Words(
        "the outcome is not in dispute", "nothing to settle; get_auction shows the report as it counts"
    ),
    Code.NOT_FAILED: Words(
        "{provider} has not failed: no outcome of it with success: false stands",
        "report_outcome with success: false if it failed; then award with instead_of",
    ),
    Code.AWARDED_INSTEAD: Words(
        "what {provider} was to do has been awarded again already",
        "get_auction shows to whom; if that one failed too, report it and name it in instead_of",
    ),
    Code.NOBODY_LEFT: Words(
        "nobody is left who could do it instead: no bid that still binds, of an owner that has not won here",
        "create_auction again for the work that is missing",
    ),
    Code.BID_WITHDRAWN: Words(
        "the bid was withdrawn and cannot be revised", "submit_bid without replaces makes a new bid"
    ),
    Code.BID_REPLACED: Words(
        "the bid was already replaced by a newer one of yours",
        "get_auction shows your standing bid; name that one",
    ),
    Code.TWO_BIDS_FOR_ONE: Words(
        "you have another bid on these very lots, so this one would take the place of two",
        "name that one in replaces, or leave replaces out and withdraw the other",
    ),
    Code.LEADING_BID: Words(
        "your bid leads this open auction, and a leading bid cannot be withdrawn",
        "stand by it, or lower it with submit_bid; inbox tells if another takes the lead",
    ),
    Code.ENTRY_GONE: Words(
        "nothing is left of it: it was {status}", "inbox lists what you still have posted"
    ),
    Code.IN_A_POOL: Words(
        "this demand is in a pool until {closes_at}, as it was when the pool was opened",
        "withdraw it, which leaves the pool, and post a new one; or stay in, and nobody pays above its limit",
    ),
    Code.POOL_CLOSED: Words(
        "the pool that your demand is in closed at {closes_at}, and is being decided",
        "inbox tells what became of it; what is not served returns to the book",
    ),
    Code.RESOURCE_IN_USE: Words(
        "the book holds quantities that are not whole, so the resource cannot become whole now",
        "let these entries be cleared, withdrawn or lapse first, or declare it without whole",
    ),
    Code.NOTHING_TO_CLEAR: Words(
        "nothing changed: {why}",
        "get_resource shows the book; request_resources and offer_resources add to it",
    ),
    Code.BIDDING_ENDED: Words(
        "the bidding ended at {closes_at}: bids can no longer be made, changed or withdrawn",
        "inbox tells of the award; list_auctions with status open shows where you can still bid",
    ),
    Code.BEFORE_DEADLINE: Words(
        "bidders were promised until {closes_at}, so the auction cannot be closed or decided now{unless}",
        "repeat after {closes_at} ({seconds} seconds from now); inbox with wait tells you when",
        True,
    ),
    Code.DISPUTE_ENDED: Words(
        "the report could be disputed until {until}", "it stands; the operator of the market may be asked"
    ),
    Code.NO_CLOCK: Words(
        "this market has no clock, so {field} means nothing here",
        "give Market a now function, or leave {field} out",
    ),
    Code.DEADLINE_PASSED: Words(
        "{field} is not in the future; the market's time is {now}",
        "give a later moment",
    ),
    Code.TAKE_REQUIRED: Words(
        "this is a Dutch auction: it offers {offered} credits now, and the first to take the offer wins",
        "submit_bid with take: true and no cost, and at_least to be safe; or wait until the offer has risen",
    ),
    Code.NOTHING_TO_TAKE: Words(
        "this auction takes bids with a cost; only Dutch auctions are taken",
        "submit_bid with your cost, without take",
    ),
    Code.MUST_BIND: Words(
        "bids in an open auction bind until the award, because others see their own rank against them",
        "leave valid_for out",
    ),
    Code.FIELD_DOES_NOT_FIT: Words(
        "{field} has no meaning in this auction: {why}",
        "leave {field} out; get_auction shows what is asked for",
    ),
    Code.LOTS_REQUIRED: Words(
        "this auction is for lots, so a bid says which of them it is for",
        "add lots: the ids that get_auction shows; the cost is for all of them together",
    ),
    Code.UNKNOWN_LOT: Words(
        "the auction does not have these lots; they are listed as missing",
        "get_auction shows the lots with their ids",
    ),
    Code.MISSING_CAPABILITY: Words(
        "the auction requires capabilities that you have not registered; they are listed as missing",
        "if you have them, register_agent with all your capabilities, then bid again; "
        "otherwise look for another auction",
    ),
    Code.MISSING_ATTRIBUTE: Words(
        "the auction requires attributes that your bid does not meet; they are listed as missing",
        "if they hold, state them in the bid's attributes or once with register_agent; "
        "get_auction shows what is asked",
    ),
    Code.BELOW_MIN_RELIABILITY: Words(
        "the auction takes only bidders whose chance of success is above {asked} with a certainty of 95 %; "
        "by your record it is above {low} with that certainty",
        "get_agent shows your record (the lower end of success); good outcomes of other auctions raise it",
    ),
    Code.CONFIDENCE_REQUIRED: Words(
        "this auction settles confidence, so a bid must state it",
        "add confidence from 0 to 1: your true chance of success is best for you",
    ),
    Code.ESTIMATED_TIME_REQUIRED: Words(
        "this auction prices time, so a bid must state it", "add estimated_time in seconds"
    ),
    Code.QUALITY_REQUIRED: Words(
        "this auction prices quality, so a bid must state it", "add quality from 0 to 1"
    ),
    Code.BID_ABOVE_MAX_PRICE: Words(
        "the cost is above the buyer's max_price of {max_price} credits",
        "bid {max_price} or less if that covers your cost, else leave this auction",
    ),
    Code.SCORE_OUT_OF_RANGE: Words(
        "the weights make this bid's score larger than the market can hold",
        "check the unit of estimated_time: it is in seconds",
    ),
    Code.BID_NOT_IMPROVED: Words(
        "in an open auction a revised bid must lower your standing score of {standing} by {decrement} or more; "
        "this one's score would be {score}",
        "bid a cost that makes your score {most} or less, or stay with your bid",
    ),
    Code.OFFER_TOO_LOW: Words(
        "the offer is {offered} credits now, below your at_least{rises}",
        "repeat the take later, or take it with a lower at_least; another may be quicker",
        True,
    ),
    Code.TOTAL_OUT_OF_RANGE: Words(
        "quantity times unit price reaches the market's limit of {limit} credits",
        "post a smaller quantity or a smaller unit price",
    ),
    Code.NOT_WHOLE: Words(
        "this resource is traded in whole units only", "give a quantity without a fraction"
    ),
    Code.THRESHOLD_NOT_MET: Words(
        "the demand that could be pooled now is {quantity} units (distinct owners: {owners}), below this threshold",
        "lower the threshold, or wait for more demand; get_resource shows the book",
    ),
    Code.ABOVE_GRANT: Words(
        "the operator granted your owner a {field} of {granted} at most",
        "leave {field} out to use all of it, or give less; the operator raises it with agent-market grant",
    ),
    Code.FIXED_BY_OPERATOR: Words(
        "this resource is always cleared with {field} {fixed}: its operator fixed that",
        "leave {field} out, or give {fixed}",
    ),
    Code.PROVIDER_REQUIRED: Words(
        "the auction has several winners, and an outcome is about one of them: {winners}",
        "add provider: one of them, and report on each",
    ),
    Code.NOT_A_WINNER: Words(
        "this provider did not win the auction; the winners are: {winners}", "name one of them as provider"
    ),
    Code.CLEARING_RULE_DOES_NOT_FIT: Words(
        "{rule} cannot clear this book: {why}",
        "leave payment_rule out: the default fits every book",
    ),
    Code.PAYMENT_RULE_DOES_NOT_FIT: Words(
        "{rule} cannot be applied to these bids: {why}",
        "preview_award shows the rules that fit; cancel with withdraw and create it again with one of them",
    ),
    Code.NO_COMPETITION: Words(
        "without {winner} less could be bought, so nothing bounds what {rule} would pay it",
        "create_auction again with a max_price for each lot or unit, or with pay_as_bid; withdraw cancels this one, unless "
        "it has an award",
    ),
    Code.CONSTRAINTS_CONFLICT: Words(
        "no set of the bids satisfies these constraints together: {conflict}",
        "cancel with withdraw, and create it again with looser constraints",
    ),
    Code.NOT_PROVED: Words(
        "the best set of bids was not proved in time ({gap} credits are open), and {rule} pays by proved ones only; "
        "nothing was decided",
        "award again to try once more, or cancel and create it again with if_unproved: pay_as_bid",
        True,
    ),
    Code.NOT_TOGETHER: Words(
        "these auctions cannot be decided together: {why}",
        "award each by itself, or leave those that do not fit out of together_with",
    ),
    Code.TOO_MANY_ENTRIES: Words(
        "an owner may have at most {limit} open entries on each side of a resource",
        "withdraw one first; inbox lists them",
    ),
    Code.BOOK_FULL: Words(
        "this resource's book holds {limit} entries on that side, which is all it can",
        "aggregate_demand empties what trades; try again after it",
    ),
    Code.TOO_MANY_BIDS: Words("an auction takes at most {limit} bids", "look for another auction"),
    Code.TOO_MANY_OWN_BIDS: Words(
        "a bidder has at most {limit} standing bids in an auction with lots",
        "replace one (replaces: its bid_id), or withdraw one first; inbox lists them",
    ),
    Code.TOO_LARGE: Words(
        "the auction is beyond what the market solves: {limit}",
        "cancel with withdraw, and split it into several auctions",
    ),
    Code.SOLVER_GONE: Words(
        "the solver ended before it had an answer; nothing was decided (an auction to award is closed)",
        "make the same call again in a moment",
        True,
    ),
    Code.BUSY: Words(
        "others changed the same thing at the same moment, several times over; nothing was done",
        "repeat the same call in a moment",
        True,
    ),
    Code.STORE_UNAVAILABLE: Words(
        "the market's database cannot take the change now; nothing was done",
        "repeat the same call in a moment; if it stays so, tell the operator",
        True,
    ),
    Code.STORE_BROKEN: Words(
        "the market's database is damaged or of another version; nothing was done",
        "tell the operator; repeating the call will not help",
    ),
}


class Rejection(Exception):
    """The market says no. Nothing has changed.

    `facts` are plain values (text, numbers, lists of text) that the sentence may use and an agent may read;
    `about` is the id of that which it is about, where a call was for several.
    """

    def __init__(self, code: Code, /, **facts: object) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts

    @property
    def message(self) -> str:
        """The rule that says no, as one sentence; where several things were asked for, of which it says so."""
        about = f"{self.facts['about']}: " if "about" in self.facts else ""
        return about + self._filled(WORDS[self.code].message)

    @property
    def next(self) -> str:
        """What to do about it."""
        instead = f"; or leave {self.facts['about']} out" if "about" in self.facts else ""
        return self._filled(WORDS[self.code].next) + instead

    @property
    def transient(self) -> bool:
        """Whether waiting can help."""
        return WORDS[self.code].transient

    def __str__(self) -> str:
        return f"{self.code}: {self.message}. Next: {self.next}."

    def _filled(self, template: str) -> str:
        listed = {
            k: ", ".join(map(str, v)) if isinstance(v, list | tuple) else v for k, v in self.facts.items()
        }
        return template.format(**listed)


def first(refusals: Iterable[Rejection]) -> Rejection:
    """Return the one that comes first by precedence."""
    order = list(Code)
    return min(refusals, key=lambda why: order.index(why.code))

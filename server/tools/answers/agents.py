"""What tools give back of agents: cards, records, outcomes, the inbox."""

from server.tools.answers.texts import Moment, Number, Object, Part


class Record(Part):
    """Outcomes reported of an agent, as counts and as estimates: [expected, low, high], 90 % sure, by capability."""

    reported: int
    successes: int
    failures: int
    disputed: int | None = None
    estimates: list[Object] | None = None


class OutcomeRow(Part):
    """A reported outcome: what was promised and what came."""

    auction_id: str
    buyer: str
    success: bool
    estimated_time: Number | None = None
    actual_time: Number | None = None
    promised_quality: Number | None = None
    quality: Number | None = None
    state: str | None = None


class OutcomeRecorded(Part):
    """The work as it stands, and the provider's track record with it. After a failure, who would do it instead."""

    auction_id: str
    provider: str
    state: str
    success: bool | None = None
    estimated_time: Number | None = None
    actual_time: Number | None = None
    until: Moment | None = None
    adjustment: Number | None = None
    final_payment: Number | None = None
    comes_next: list[str] | None = None
    record: Record


class Card(Part):
    """An agent's card as registered."""

    agent: str
    description: str | None = None
    capabilities: list[str]
    attributes: Object | None = None
    max_concurrent: int | None = None
    standing_bids: Object | None = None
    open_auctions: Object


class AgentRow(Part):
    """An agent in a list."""

    agent: str
    capabilities: list[str]
    outcomes: int


class AgentSeen(Part):
    """An agent's card and record, or the list of agents. `as_buyer`: how many awards it gave, and reported on."""

    agent: str | None = None
    description: str | None = None
    capabilities: list[str] | None = None
    attributes: Object | None = None
    max_concurrent: int | None = None
    running: int | None = None
    standing_bids: Object | None = None
    newcomer: bool | None = None
    vouched: bool | None = None
    record: Record | None = None
    as_buyer: Object | None = None
    last_outcomes: list[OutcomeRow] | None = None
    agents: list[AgentRow] | None = None
    total: int | None = None
    next_cursor: str | None = None


class News(Part):
    """Something that happened. `id`: of the auction or resource; `next`: the call that makes sense."""

    at: Moment
    what: str
    id: str
    why: str
    next: str


class Inbox(Part):
    """Where an agent stands, and what is new for it."""

    agent: str
    auctions: list[Object]
    bids: list[Object]
    to_deliver: list[Object]
    to_report: list[Object]
    demand: list[Object]
    bundles: list[Object] | None = None
    offers: list[Object]
    credits_promised: Number
    credits_due: Number
    news: list[News]
    next_cursor: str

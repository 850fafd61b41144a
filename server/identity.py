"""Who calls: the agent that a caller may act for."""

from dataclasses import dataclass

from market_core.rejections import Code, Rejection
from market_core.values import agent_id


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller. `bound` is the only agent it may act for; empty on a server that serves any."""

    bound: str = ""

    def acting(self, named: str) -> str:
        """Return who acts when a call names `named` (or nobody). Raises the Rejection that applies."""
        agent = _checked(named) if named.strip() else self.bound
        if self.bound and agent != self.bound:
            raise Rejection(Code.NOT_YOUR_AGENT, bound=self.bound)
        if not agent:
            raise Rejection(Code.AGENT_REQUIRED)
        return agent

    def viewing(self, named: str) -> str:
        """Return who looks; empty for the public view. Raises the Rejection that applies."""
        return self.acting(named) if named.strip() or self.bound else ""


def _checked(named: str) -> str:
    try:
        return agent_id(named)
    except ValueError as error:
        raise Rejection(Code.INVALID_VALUE, field="agent", rule=str(error)) from None

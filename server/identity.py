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
        if self.bound and named not in ("", self.bound):
            raise Rejection(Code.NOT_YOUR_AGENT, bound=self.bound)
        if not (self.bound or named):
            raise Rejection(Code.AGENT_REQUIRED)
        return self.bound or named

    def viewing(self, named: str) -> str:
        """Return who looks; empty for the public view. Raises `invalid_value` for what cannot be an agent."""
        if named:
            try:
                agent_id(named)
            except ValueError as error:
                raise Rejection(Code.INVALID_VALUE, field="agent", rule=str(error)) from None
        return self.acting(named) if named or self.bound else ""

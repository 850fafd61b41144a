"""What all commands of agents have: who acts."""

from typing import Annotated

from pydantic import (
    Field,
)

from market_core.terms import (
    Model,
)
from market_core.values import (
    AgentId,
)


class Command(Model):
    """Somebody's request, with who makes it."""

    agent: Annotated[AgentId, Field(description="who acts: your agent id, such as claude or acme/reviewer-2")]

"""To come."""

from server.cli.common import Commands


def add(commands: Commands) -> None:
    """Add."""

"""`agent-market settle` and `vouch`: what the operator decides of disputed work, and whom it knows."""

import argparse

from server.cli.common import Commands, Stop, add_file, db_of, existing_db
from server.cli.operate import carry_out


def add(commands: Commands) -> None:
    """Add the commands."""
    _add_settle(commands)
    _add_vouch(commands)


def _add_vouch(commands: Commands) -> None:
    parser = commands.add_parser(
        "vouch",
        help="say that you know an owner, so that buyers who explore may try it",
        description="Vouch for an owner (acme, for all agents acme/...). A buyer that pays for exploring pays it for owners "
        "that somebody vouched for only: anybody can take a new name.",
    )
    parser.add_argument("owner", metavar="OWNER", help="such as acme")
    parser.add_argument("--withdraw", action="store_true", help="no longer vouch for it")
    add_file(parser)
    parser.set_defaults(run=run_vouch)


def _add_settle(commands: Commands) -> None:
    parser = commands.add_parser(
        "settle",
        help="settle a disputed outcome",
        description="Settle the outcome of an award that the provider disputes. What you say takes the place of the "
        "buyer's report, for good. A void outcome counts for nobody.",
    )
    parser.add_argument("auction_id", metavar="AUCTION", help="such as auc_0123456789")
    parser.add_argument("provider", metavar="PROVIDER", help="the winner whose outcome it is, such as claude")
    result = parser.add_mutually_exclusive_group(required=True)
    for name in ("success", "failure", "void"):
        result.add_argument(f"--{name}", dest="result", action="store_const", const=name)
    parser.add_argument("--time", metavar="S", help="seconds that it took (default: as the buyer reported)")
    parser.add_argument("--quality", metavar="Q", help="0 to 1, as received (default: likewise)")
    add_file(parser)
    parser.set_defaults(run=run_settle)


def run_settle(options: argparse.Namespace) -> int:
    """Settle a dispute."""
    import anyio
    from pydantic import ValidationError

    from market_core.commands import SettleDispute
    from market_core.invalid import invalid

    try:
        command = SettleDispute(
            auction_id=options.auction_id,
            provider=options.provider,
            success=None if options.result == "void" else options.result == "success",
            actual_time=options.time,
            quality=options.quality,
        )
    except ValidationError as error:
        raise Stop(invalid(error).message, 2) from None
    db = existing_db(options)
    anyio.run(carry_out, db, command)
    print(f"{command.auction_id}, {command.provider}: {options.result}, settled, in {db}")
    return 0


def run_vouch(options: argparse.Namespace) -> int:
    """Vouch for an owner."""
    import anyio
    from pydantic import ValidationError

    from market_core.commands import Vouch
    from market_core.invalid import invalid
    from market_core.values import owner_of

    try:
        command = Vouch(owner=options.owner, vouched=not options.withdraw)
    except ValidationError as error:
        raise Stop(invalid(error).message, 2) from None
    db = db_of(options)
    anyio.run(carry_out, db, command)
    print(
        f"{owner_of(command.owner)}: {'vouched for' if command.vouched else 'no longer vouched for'}, in {db}"
    )
    return 0

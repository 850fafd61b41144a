"""`agent-market settle`: the operator decides what disputed work was."""

import argparse

from server.cli.common import Commands, Stop, add_file, existing_db
from server.cli.operate import carry_out


def add(commands: Commands) -> None:
    """Add the command."""
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
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
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

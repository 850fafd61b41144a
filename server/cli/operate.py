"""`agent-market resource declare`, `grant` and `verify`: for whoever owns the database."""

import argparse
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server.cli.common import Commands, Stop, add_file, db_of, existing_db

if TYPE_CHECKING:
    from market_core.commands import AnyCommand
    from server.audit import Head, Report

_VERIFY = """\
Check that no event in the database was changed after it was recorded. Every event carries a hash over itself
and the one before it, so an edit, a swap or a gap shows, with the stream and the version where it begins.
Everything else (lists, notices, kept answers) is made from the events, and is not checked.
An end that was cut off leaves a sound beginning: that shows only against a head exported earlier.
Exit code: 0 sound, 1 broken. Changes nothing.
"""
_VERIFY_MORE = """\
  agent-market verify --export-head head.json     keep head.json where others cannot change it
  agent-market verify --head head.json            later: is everything that was there then still there?
"""


def add(commands: Commands) -> None:
    """Add the commands."""
    _add_resource(commands)
    _add_grant(commands)
    _add_verify(commands)


def _add_resource(commands: Commands) -> None:
    group = commands.add_parser(
        "resource",
        help="fix what a resource is measured in",
        description="Settings of resources, for the operator of the database.",
    )
    actions = group.add_subparsers(title="actions", required=True, metavar="ACTION")
    parser = actions.add_parser(
        "declare",
        help="fix a resource's unit, and whether it trades in whole units only",
        description="Fix a resource's unit, and whether it trades in whole units only. Agents can trade any resource "
        "without this, in fractions. Declaring again replaces what was said. Makes the database if there is none.",
    )
    parser.add_argument("name", metavar="NAME", help="such as gpu-hours; case and punctuation do not matter")
    parser.add_argument("--unit", default="", metavar="U", help="what one of it is, such as hour")
    parser.add_argument("--whole", action="store_true", help="only whole units (default: up to 6 decimals)")
    parser.add_argument(
        "--policy",
        choices=("efficient", "fair", "priority"),
        help="how it is always cleared, whoever asks (default: as asked)",
    )
    parser.add_argument("--payment-rule", choices=("uniform", "mcafee"), help="likewise")
    parser.add_argument(
        "--bundle-rule", choices=("pay_as_bid", "vcg", "core", "uniform"), help="likewise, for bundles"
    )
    parser.add_argument(
        "--every",
        metavar="SECONDS",
        help="clear it by itself every so many seconds, if something was posted since (default: when asked)",
    )
    parser.add_argument(
        "--at-quantity",
        metavar="Q",
        help="clear it by itself as soon as so much is asked for; both can be given",
    )
    add_file(parser)
    parser.set_defaults(run=run_declare)


def _add_grant(commands: Commands) -> None:
    parser = commands.add_parser(
        "grant",
        help="say how much an owner's demand counts where it is shared",
        description="Grant an owner (acme, for all agents acme/...) a priority and a weight, which its demand may lower "
        "but not raise. They count under the policies priority and fair. Without a grant: priority 0, weight 1. "
        "Granting again replaces what was granted, for demand posted from then on.",
    )
    parser.add_argument("owner", metavar="OWNER", help="such as acme")
    parser.add_argument("--priority", type=int, metavar="N", help="higher comes first (default: 0)")
    parser.add_argument("--weight", metavar="W", help="share among equals (default: 1)")
    add_file(parser)
    parser.set_defaults(run=run_grant)


def _add_verify(commands: Commands) -> None:
    parser = commands.add_parser(
        "verify",
        help="check that the database's history was not changed",
        description=_VERIFY,
        epilog=_VERIFY_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_file(parser)
    parser.add_argument(
        "--head", type=Path, metavar="FILE", help="compare with this head, exported earlier: finds cut ends"
    )
    parser.add_argument(
        "--export-head",
        type=Path,
        metavar="FILE",
        help="write the present head to this new file, if all is sound",
    )
    parser.set_defaults(run=run_verify)


# resource declare


def run_declare(options: argparse.Namespace) -> int:
    """Declare a resource."""
    import anyio
    from pydantic import ValidationError

    from market_core.commands import DeclareResource
    from market_core.invalid import invalid

    try:
        command = DeclareResource(
            resource=options.name,
            unit=options.unit,
            whole=options.whole,
            policy=options.policy,
            payment_rule=options.payment_rule,
            bundle_rule=options.bundle_rule,
            every=options.every,
            at_quantity=options.at_quantity,
        )
    except ValidationError as error:
        raise Stop(invalid(error).message, 2) from None
    db = db_of(options)
    anyio.run(carry_out, db, command)
    whole = "whole units only" if command.whole else "fractions allowed"
    fixed = "".join(
        f", {name} {value}"
        for name, value in (
            ("policy", command.policy),
            ("payment_rule", command.payment_rule),
            ("bundle_rule", command.bundle_rule),
        )
        if value
    )
    fixed += f", cleared every {command.every} seconds" if command.every is not None else ""
    fixed += f", cleared once {command.at_quantity} is asked for" if command.at_quantity is not None else ""
    print(
        f"{command.resource}: {f'unit {command.unit}' if command.unit else 'no unit'}, {whole}{fixed}, in {db}"
    )
    return 0


# grant


def run_grant(options: argparse.Namespace) -> int:
    """Grant an owner a priority and a weight."""
    import anyio
    from pydantic import ValidationError

    from market_core.commands import Grant
    from market_core.invalid import invalid
    from market_core.values import owner_of, plain

    given = {
        name: getattr(options, name) for name in ("priority", "weight") if getattr(options, name) is not None
    }
    if not given:
        raise Stop("say what to grant: --priority N, --weight W, or both (the other becomes the default)", 2)
    try:
        command = Grant(owner=options.owner, **given)
    except ValidationError as error:
        raise Stop(invalid(error).message, 2) from None
    db = db_of(options)
    anyio.run(carry_out, db, command)
    print(f"{owner_of(command.owner)}: priority {command.priority}, weight {plain(command.weight)}, in {db}")
    return 0


async def carry_out(db: str, command: "AnyCommand") -> None:
    """Carry out an operator's command; raise Stop with the reason where it is refused."""
    from market_core.rejections import Rejection
    from server.batch import Answer
    from server.bootstrap import open_store, running
    from server.ports import StoreBroken, StoreUnavailable

    refused: Exception | None = None
    async with running(open_store(db)) as service:
        try:
            await service.execute(command, lambda _: Answer("", {}))
        except Rejection as refusal:
            refused = Stop(f"{refusal.message}. Next: {refusal.next}")
        except (StoreBroken, StoreUnavailable) as failure:
            refused = failure  # raised below: from in here it would come out wrapped in groups
    if refused is not None:
        raise refused


# verify


def run_verify(options: argparse.Namespace) -> int:
    """Audit the database; return 0 if it is sound, 1 if not."""
    import anyio

    db = existing_db(options)
    known = _read_head(options.head) if options.head else None
    if options.export_head:
        _check_new(options.export_head, options.head)
    report = anyio.run(_audit, db, known)
    _print_report(report, db, options.head)
    if not report.sound:
        return 1
    if options.export_head:
        _write_head(options.export_head, report)
    return 0


async def _audit(db: str, known: "dict[str, Head] | None") -> "Report":
    from server.audit import audit
    from server.bootstrap import open_store

    store = open_store(db)
    try:
        return await audit(store, known)
    finally:
        await store.close()


def _print_report(report: "Report", db: str, head: Path | None) -> None:
    from server.cli.sheet import Sheet

    sheet = Sheet()
    size = f"{report.events:,} events in {len(report.heads):,} streams"
    if not report.sound:
        sheet.say(f"BROKEN: {db}, {size}, {len(report.broken):,} of them not sound.", "bold red")
        sheet.table(
            ["stream", "version", "what is wrong with that event, the first broken one of its stream"],
            ([row.stream, row.version, row.why] for row in report.broken),
            right=("version",),
        )
    else:
        sheet.say(f"Sound: {db}, {size}; each event follows from the one before it.", "green")
    if head is None:
        sheet.say(
            "Not checked: whether the end of a stream, or a whole stream, was cut off. That shows only against "
            "a head exported earlier: --export-head FILE now, --head FILE the next time."
        )
    elif report.sound:
        sheet.say(f"All that {head} has is still there, so no end was cut off since it was exported.")


def _read_head(path: Path) -> "dict[str, Head]":
    """Return the head in a file. Raises Stop for a file that is not one."""
    from server.audit import Head

    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return {stream: Head(*_head_row(row)) for stream, row in told.items()}
    except OSError as error:
        raise Stop(f"cannot read the head {path}: {error.strerror}", 2) from None
    except (ValueError, AttributeError, TypeError, KeyError):
        raise Stop(f"{path} is not a head that verify --export-head wrote", 2) from None


def _head_row(row: Any) -> tuple[int, str]:
    version, of_it = row["version"], row["hash"]
    if type(version) is not int or version < 1 or not re.fullmatch("[0-9a-f]{64}", of_it):
        raise ValueError("not a head")
    return version, of_it


def _check_new(path: Path, head: Path | None) -> None:
    """An older head is what a cut end shows against: it is replaced only after comparing with it."""
    if path.exists() and not (head and path.samefile(head)):
        raise Stop(
            f"{path} exists; to replace it, compare with it first: --head {path} --export-head {path}", 2
        )


def _write_head(path: Path, report: "Report") -> None:
    told = {stream: {"version": head.version, "hash": head.hash} for stream, head in report.heads.items()}
    draft = path.with_name(f".{path.name}.new")
    try:
        draft.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        os.replace(draft, path)  # noqa: PTH105 - in one step: never half a head
    except OSError as error:
        raise Stop(f"cannot write the head {path}: {error.strerror}") from None
    print(f"The head is in {path}: keep it where nobody who can write the database can change it.")

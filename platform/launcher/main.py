"""The launcher's command line."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import Any

from launcher import commands, torch_choice
from launcher.home import DEFAULT
from launcher.say import Problem

MAX_WORKERS = 64  # on one machine
EPILOG = """\
DATABASE_URL and REDIS_URL take Gradus to a PostgreSQL and a Redis of your own;
docs/settings.md lists all settings.
"""


def main(arguments: list[str]) -> int:
    """Run a command; returns the status to exit with."""
    try:
        chosen, rest = parser().parse_known_args(arguments)
        if rest and not chosen.takes_more:
            parser().error(f"unrecognized arguments: {' '.join(rest)}")
        return int(chosen.does(chosen, rest, arguments))
    except Problem as problem:
        sys.stdout.flush()
        print(f"\n{problem}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr, flush=True)
        return 128 + signal.SIGINT


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    top = argparse.ArgumentParser(
        prog="./gradus",
        description="Start, test and maintain Gradus.",
        epilog=EPILOG,
        allow_abbrev=False,
    )
    subs = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add_command in (
        _up,
        _test,
        _chaos,
        _check,
        _check_content,
        _audit,
        _new,
        _doctor,
        _backup,
        _restore,
        _manage,
        _evidence,
        _screenshots,
    ):
        add_command(subs)
    return top


# ---------------------------------------------------------------- the commands, as help lists them


def _up(subs: Any) -> None:
    command = _command(
        subs, "up", commands.up, "set up what is missing, start everything, and stay until Ctrl-C"
    )
    command.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (0.0.0.0: all of this machine; default: %(default)s)",
    )
    command.add_argument(
        "--port", type=_port, default=8000, help="port to listen on (default: %(default)s)"
    )
    command.add_argument(
        "--workers",
        type=_count,
        default=1,
        metavar="N",
        help="workers on this machine; 0 for none (default: %(default)s)",
    )
    command.add_argument(
        "--demo",
        action="store_true",
        help="fill an account with eight weeks of reviews and recorded runs, to look around in",
    )
    _add_data_option(command)
    _add_torch_option(command)


def _test(subs: Any) -> None:
    command = _command(
        subs,
        "test",
        commands.test,
        "set up what the tests need and run them; further arguments go to pytest",
        takes_more=True,
    )
    command.add_argument("--all", action="store_true", help="include the long forms of the tests")
    _add_torch_option(command)


def _chaos(subs: Any) -> None:
    command = _command(
        subs,
        "chaos",
        commands.chaos,
        "break a site of its own at random, and check that no run is lost, doubled or stuck",
    )
    command.add_argument(
        "--faults", type=_positive, default=40, metavar="N", help="how many (default: %(default)s)"
    )
    command.add_argument(
        "--seconds",
        type=_positive,
        default=180,
        metavar="S",
        help="over how many seconds (default: %(default)s)",
    )
    command.add_argument(
        "--seed",
        type=_positive,
        metavar="K",
        help="draws the same faults in the same order as an earlier time (default: a new one)",
    )
    _add_torch_option(command)


def _check(subs: Any) -> None:
    command = _command(
        subs,
        "check",
        commands.check,
        "all static checks: ruff, mypy, import-linter, makemigrations --check",
    )
    _add_torch_option(command)


def _check_content(subs: Any) -> None:
    _command(
        subs,
        "check-content",
        commands.check_content,
        "check the questions: errors, dead links, what is missing",
    )


def _audit(subs: Any) -> None:
    _command(
        subs,
        "audit",
        commands.audit,
        "ask for advisories about every pinned package; status 1: there are some, 3: not all "
        "databases could be reached",
    )


def _new(subs: Any) -> None:
    command = _command(
        subs, "new", commands.new, "write the files of a new lab or question, to be filled in"
    )
    command.add_argument("what", choices=commands.NEW, metavar="lab|question")
    command.add_argument("slug", help="its name, such as dead-relu")
    command.add_argument("--topic", metavar="TOPIC", help="its topic (default: the catalogue's)")
    command.add_argument(
        "--kind",
        metavar="KIND",
        help="of a lab: training, benchmark or analytic (default: the catalogue's, else training)",
    )
    command.add_argument(
        "--catalogue",
        type=Path,
        metavar="DIR",
        help="take topic, claims, settings, difficulty and sources from questions.yaml and "
        "labs.yaml in this folder",
    )
    _add_torch_option(command)


def _doctor(subs: Any) -> None:
    command = _command(
        subs,
        "doctor",
        commands.doctor,
        "check ports, disk, database, broker, worker and GPU, and report problems",
    )
    command.add_argument("--host", default="127.0.0.1", help=argparse.SUPPRESS)
    command.add_argument(
        "--port", type=_port, default=8000, help="the site's port (default: %(default)s)"
    )
    _add_data_option(command)


def _backup(subs: Any) -> None:
    command = _command(
        subs,
        "backup",
        commands.backup,
        "save the database and the data folder's keys to one file, while the site runs or not",
    )
    command.add_argument(
        "file", type=Path, metavar="FILE", help="the file, or a folder in which it gets a name"
    )
    _add_data_option(command)


def _restore(subs: Any) -> None:
    command = _command(
        subs, "restore", commands.restore, "restore a site from the file of a backup"
    )
    command.add_argument("file", type=Path, metavar="FILE", help="what ./gradus backup has written")
    command.add_argument(
        "--replace",
        action="store_true",
        help="put a site that is there aside (it stays on the disk), and restore in its place",
    )
    _add_data_option(command)


def _manage(subs: Any) -> None:
    command = _command(
        subs,
        "manage",
        commands.manage,
        "run a command of Django's manage.py beside the servers",
        takes_more=True,
    )
    _add_data_option(command)


def _evidence(subs: Any) -> None:
    command = _command(
        subs,
        "evidence",
        commands.evidence,
        "record standard runs through the real queue into apps/experiments/evidence",
    )
    command.add_argument("lab", nargs="*", help="slugs of labs (default: all)")
    _add_torch_option(command)


def _screenshots(subs: Any) -> None:
    command = _command(
        subs,
        "screenshots",
        commands.screenshots,
        "take screenshots of every page, in both languages and themes, into screenshots/",
    )
    _add_torch_option(command)


# ---------------------------------------------------------------- what they share


def _command(
    subs: Any, name: str, does: Any, help_: str, takes_more: bool = False
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subs.add_parser(
        name, help=help_, description=help_[0].upper() + help_[1:] + ".", allow_abbrev=False
    )
    parser.set_defaults(does=does, takes_more=takes_more)
    return parser


def _add_data_option(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data",
        type=Path,
        default=DEFAULT,
        metavar="DIR",
        help="where everything is kept (default: .gradus in the checkout)",
    )


def _add_torch_option(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--torch",
        choices=torch_choice.CHOICES,
        help=(
            "the build of torch; skip: the site alone, "
            "without labs (default: what is there, else auto)"
        ),
    )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a port; a port is a number from 1 to 65535"
        )
    return int(text)


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) < 10**9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 999999999")
    return int(text)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) > MAX_WORKERS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of workers; use 0 to {MAX_WORKERS}"
        )
    return int(text)

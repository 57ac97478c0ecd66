"""The command `gradus`.

It ends with 0; 1 if the site refused, or something could not be done; 2 for wrong arguments; 3 if
nobody is signed in; 4 if the site cannot be reached; 130 if it was interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from gradus_client import account_commands, run_commands, study_commands, thread_commands
from gradus_client.commands import Command, Context
from gradus_client.errors import (
    ConnectionFailed,
    GradusError,
    InsecureAddress,
    NotAuthorised,
    NotFound,
    NotSignedIn,
    NotUnderstood,
    Refused,
    RunsNotShared,
    ScopeMissing,
    VerdictHidden,
)
from gradus_client.login import LEARNER_SCOPES
from gradus_client.terminal import console
from gradus_client.text import printable
from gradus_client.transport import agent
from gradus_client.words import choose_language, tr

OK, FAILED, USAGE, SIGNED_OUT, AWAY, INTERRUPTED = 0, 1, 2, 3, 4, 130
GROUPS = (account_commands, study_commands, run_commands, thread_commands)


class Parser(argparse.ArgumentParser):
    """A parser whose own words are in the user's language, too."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "add_help": False})
        self.add_argument("-h", "--help", action="help", help=tr("show this help"))
        self._optionals.title, self._positionals.title = tr("options"), tr("arguments")

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def parser() -> argparse.ArgumentParser:
    whole = Parser(prog="gradus", description=tr("Study, predict and run from the terminal."))
    whole.add_argument("--version", action="version", version=agent(), help=tr("show the version"))
    whole.add_argument(
        "--site", default="", metavar="URL", help=tr("the site to use; by default the last one")
    )
    whole.add_argument(
        "--language",
        default="",
        metavar="CODE",
        help=tr("language of the site's texts: en or zh-hans"),
    )
    commands = whole.add_subparsers(title=tr("commands"), metavar=tr("COMMAND"), required=True)

    def add(to: Any, name: str, run: Command, words: str, **more: Any) -> Any:
        command = to.add_parser(name, help=words, description=words, **more)
        command.set_defaults(run=run)
        return command

    for group in GROUPS:
        group.add_commands(commands, add)
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command; returns its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    choose_language(_language_of(given))
    if not given:
        parser().print_help()
        return USAGE
    chosen = parser().parse_args(given)
    context = Context(chosen)
    try:
        with context:
            run: Callable[[Context], int | None] = chosen.run
            return run(context) or OK
    except KeyboardInterrupt:
        return _fail(tr("Interrupted."), INTERRUPTED)
    except EOFError:
        return _fail(tr("There is nobody to ask: the input is at its end."), FAILED)
    except BrokenPipeError:  # `| head`
        sys.stdout = None
        return OK
    except NotSignedIn as error:
        return _fail(str(error), SIGNED_OUT)
    except NotAuthorised as error:
        return _fail(str(error), SIGNED_OUT, tr("Sign in with: gradus login"))
    except (ConnectionFailed, NotUnderstood) as error:
        return _fail(str(error), AWAY)
    except InsecureAddress as error:
        return _fail(str(error), FAILED, tr("If you trust the network: --allow-http"))
    except NotFound as error:
        named = next((vars(chosen)[n] for n in ("slug", "lab", "id") if vars(chosen).get(n)), "")
        if not isinstance(named, (str, int)) or named == "":
            return _fail(str(error), FAILED)
        words = tr("There is no “{name}” here, or it is not shared with you.")
        return _fail(words.format(name=named), FAILED)
    except VerdictHidden as error:
        return _fail(str(error), FAILED, tr("To see it without predicting: gradus runs open ID"))
    except ScopeMissing as error:
        scope = str(error.members.get("scope", ""))
        words = tr("To sign in with it: gradus login --scopes {scopes}")
        scopes = ",".join([*LEARNER_SCOPES, scope])
        return _fail(str(error), FAILED, words.format(scopes=scopes))
    except RunsNotShared as error:
        again = " ".join(f"--share {run}" for run in error.share_run_ids)
        return _fail(str(error), FAILED, tr("To agree: {options}").format(options=again))
    except Refused as error:
        return _fail(str(error), FAILED, *(map(repr, error.errors)))
    except OSError as error:
        return _fail(
            f"{error.filename}: {error.strerror}" if error.filename else str(error), FAILED
        )
    except (GradusError, ValueError) as error:
        return _fail(str(error), FAILED)


def _fail(message: str, status: int, *more: str) -> int:
    lines = [message, *(line for line in more if line and line not in message)]
    for line in lines:
        console(stderr=True).print(printable(line), soft_wrap=True)
    return status


def _language_of(arguments: Sequence[str]) -> str:
    """Return the language that is asked for, before there is a parser to read it."""
    for place, argument in enumerate(arguments):
        if argument == "--language" and place + 1 < len(arguments):
            return arguments[place + 1]
        if argument.startswith("--language="):
            return argument.partition("=")[2]
    return ""


def entry() -> NoReturn:
    sys.exit(main())


if __name__ == "__main__":
    entry()

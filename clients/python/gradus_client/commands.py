"""What all commands have: the arguments, the client, and a place to write to."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from types import TracebackType
from typing import Any, Self

from gradus_client.client import Client
from gradus_client.credentials import Site, Store
from gradus_client.errors import NotSignedIn
from gradus_client.models import Model
from gradus_client.terminal import console, print_json, table
from gradus_client.text import printable
from gradus_client.transport import Pages
from gradus_client.words import tr

DEFAULT_ROWS = 25
PATIENCE_SECONDS = 10.0  # somebody waits; a run that is watched has its own


class Context:
    """One call of the command."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.console = console()
        self.store = Store()
        self._clients: list[Client] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for client in self._clients:
            client.close()

    @cached_property
    def client(self) -> Client:
        """The client of who is signed in.

        Raises:
            NotSignedIn: nobody is.
        """
        return self.connect(self.store.site(self.arguments.site))

    @cached_property
    def reader(self) -> Client:
        """The client of who is signed in; of a visitor, if only the site is known."""
        try:
            return self.client
        except NotSignedIn:
            if not self.arguments.site:
                raise
            return self.connect(Site(self.arguments.site))

    def connect(self, site: Site) -> Client:
        client = Client(
            site.url,
            site.token,
            language=self.arguments.language,
            patience=PATIENCE_SECONDS,
            allow_http=site.allow_http,
        )
        self._clients.append(client)
        return client

    def print(self, *words: Any, **options: Any) -> None:
        """Print words of the site and of the command, without what a terminal would obey."""
        shown = (printable(word) if isinstance(word, str) else word for word in words)
        self.console.print(*shown, **options)

    def show(
        self, rows: Pages[Any], head: Sequence[str], row: Callable[[Any], Iterable[object]]
    ) -> None:
        """Print a list, as a table or as JSON."""
        listed = rows.first(self.arguments.limit)
        if self.arguments.json:
            print_json([one.to_dict() if isinstance(one, Model) else one for one in listed])
        elif not listed:
            self.print(tr("There is nothing here."))
        else:
            self.print(table(head, [list(row(one)) for one in listed]))


Command = Callable[[Context], int | None]


def add_list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help=tr("print JSON"))
    parser.add_argument(
        "--limit",
        type=whole,
        default=DEFAULT_ROWS,
        metavar="N",
        help=tr("show at most this many; by default 25"),
    )


def whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 6):
        raise argparse.ArgumentTypeError(tr("“{text}” is no whole number").format(text=text))
    return int(text)

"""Commands about who is signed in: login, logout, whoami, today, stats, export."""

from __future__ import annotations

import sys
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from gradus_client.archives import UNDERWAY, Tell, part_at
from gradus_client.commands import Context
from gradus_client.credentials import URL_VARIABLE, Site
from gradus_client.errors import NotAuthorised
from gradus_client.login import sign_in
from gradus_client.models import Device
from gradus_client.terminal import print_json, table, text
from gradus_client.text import html_to_text
from gradus_client.transport import site_address
from gradus_client.words import tr


def add_commands(commands: Any, add: Any) -> None:
    parser = add(commands, "login", login, tr("Sign in to a site, by approving it in the browser"))
    parser.add_argument(
        "url",
        nargs="?",
        default="",
        metavar="URL",
        help=tr("address of the site, such as https://gradus.example"),
    )
    parser.add_argument(
        "--token", action="store_true", help=tr("read a token from standard input instead")
    )
    parser.add_argument("--no-browser", action="store_true", help=tr("do not open a browser"))
    parser.add_argument(
        "--allow-http",
        action="store_true",
        help=tr("allow http, where others on the network can read the token"),
    )
    parser.add_argument(
        "--scopes",
        default="read,study,run,post",
        metavar="LIST",
        help=tr(
            "what the program may do, separated by commas; by default read,study,run,post; "
            "account is for export"
        ),
    )
    parser = add(commands, "logout", logout, tr("Revoke the token here and on the site"))
    parser = add(commands, "whoami", whoami, tr("Whose token it is"))
    parser.add_argument("--json", action="store_true", help=tr("print JSON"))
    parser = add(commands, "today", today, tr("What there is to do today"))
    parser.add_argument("--json", action="store_true", help=tr("print JSON"))
    parser = add(commands, "stats", stats, tr("What you have studied, and how much you recall"))
    parser.add_argument("--json", action="store_true", help=tr("print JSON"))
    parser = add(
        commands, "export", export, tr("Have an archive of all that is yours made, and download it")
    )
    parser.add_argument("file", metavar="FILE.zip", type=Path)


def login(context: Context) -> int:
    chosen = context.arguments
    url = chosen.url or chosen.site or context.store.read().default
    if not url:
        raise ValueError(
            tr(
                "Which site? For example: gradus login https://gradus.example, or set {name}."
            ).format(name=URL_VARIABLE)
        )
    site = Site(site_address(url, allow_http=chosen.allow_http), allow_http=chosen.allow_http)
    if chosen.token:
        if sys.stdin.isatty():
            context.print(tr("Paste the token, then press Enter:"))
        site.token = sys.stdin.readline().strip()
    else:
        scopes = [scope.strip() for scope in chosen.scopes.split(",") if scope.strip()]
        transport = context.connect(Site(site.url, allow_http=site.allow_http)).transport
        site.token = sign_in(
            transport, lambda device: show_code(context, device), scopes=scopes
        ).access_token
    if not site.token.isascii() or not site.token.isprintable() or not site.token:
        raise NotAuthorised("not-authorised", tr("This is no token."))
    site.handle = context.connect(site).me().handle
    context.store.add(site)
    context.print(
        tr("You are signed in to {url} as {handle}.").format(url=site.url, handle=site.handle)
    )
    return 0


def show_code(context: Context, device: Device) -> None:
    context.print(tr("Open {url} and enter the code:").format(url=device.verification_uri))
    context.print()
    context.print(text(f"    {device.user_code}", "bold"))
    context.print()
    # an address of the site alone: whatever it answers, no other program is started
    address = device.verification_uri_complete
    if not context.arguments.no_browser and address.startswith(("https://", "http://")):
        with suppress(webbrowser.Error):
            webbrowser.open(address)
    context.print(tr("Waiting until you have approved it …"))


def logout(context: Context) -> int:
    site = context.store.site(context.arguments.site)
    context.store.remove(site.url)
    with suppress(NotAuthorised):  # it was revoked already
        context.connect(site).revoke()
    context.print(tr("You are signed out of {url}.").format(url=site.url))
    return 0


def whoami(context: Context) -> None:
    me = context.client.me()
    if context.arguments.json:
        print_json(me.to_dict())
    else:
        context.print(text(f"{me.handle} · {me.email} · {context.client.url}"))


def today(context: Context) -> None:
    plan = context.client.today()
    if context.arguments.json:
        print_json(plan.to_dict())
        return
    context.print(text(plan.headline, "bold"))
    rows = [
        ("✓" if step.is_done else "→" if step.is_now else "·", html_to_text(step.title), step.note)
        for step in plan.day_steps
    ]
    context.print(table(["", tr("what"), tr("note")], rows))


def stats(context: Context) -> None:
    shown = context.client.statistics()
    if context.arguments.json:
        print_json(shown.to_dict())
        return
    reviews = sum(day.review_count for day in shown.studied_days)
    recalls = sum(day.recall_count for day in shown.studied_days)
    recalled = sum(day.recalled_count for day in shown.studied_days)
    context.print(
        tr("{reviews} reviews on {days} days; {recalled} of {recalls} recalled.").format(
            reviews=reviews, days=len(shown.studied_days), recalled=recalled, recalls=recalls
        )
    )
    rows = [
        (one.title, one.card_count, f"{one.recall:.0%}")
        for one in shown.topics
        if one.recall is not None
    ]
    if rows:
        context.print(table([tr("topic"), tr("cards"), tr("recall")], rows))


def export(context: Context) -> int:
    """Download an archive: the one whose download was cut, or that is being made, or a new one."""
    path, exports = context.arguments.file, context.client.exports
    if not path.absolute().parent.is_dir():  # before one of the few archives of a day is made
        raise ValueError(tr("There is no folder {folder}.").format(folder=path.absolute().parent))
    listed = list(exports.list())
    is_cut = [one for one in listed if one.id == part_at(path) and one.state == "done"]
    underway = [one for one in listed if one.state in UNDERWAY]
    chosen = (is_cut or underway or [exports.order()])[0]
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        console=context.console,
        disable=not context.console.is_terminal,
    ) as progress:

        def teller(words: str) -> Tell:
            task = progress.add_task(words, total=None)
            return lambda done, of: progress.update(task, completed=done, total=of or None)

        chosen = exports.wait(chosen.id, teller(tr("The site makes the archive")))
        if chosen.state != "done":
            raise ValueError(tr("The site could not make the archive. Try again."))
        exports.download(chosen.id, path, teller(tr("Download")))
    context.print(tr("Written: {path}").format(path=path))
    return 0

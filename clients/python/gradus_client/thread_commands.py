"""Commands for threads and notices."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

from gradus_client.commands import Context, add_list_arguments, whole
from gradus_client.discussions import Thread
from gradus_client.errors import NotFound
from gradus_client.events import PostChanged, PostsCame
from gradus_client.models import CitedEvidence, PostDetail
from gradus_client.terminal import print_json, text
from gradus_client.text import html_to_text
from gradus_client.words import tr

VOTES = {"up": 1, "down": -1, "none": 0}
FOLLOWING = {"following": Thread.follow, "muted": Thread.mute, "none": Thread.unfollow}


def add_commands(commands: Any, add: Any) -> None:
    parser = add(
        commands,
        "threads",
        list_threads,
        tr("Threads: list, show, start, reply, vote, follow, watch"),
    )
    threads = parser.add_subparsers(title=tr("commands"), metavar=tr("COMMAND"), required=True)

    parser = add(threads, "list", list_threads, tr("List threads, the latest posts first"))
    parser.add_argument("--show", default="", choices=("unanswered", "mine", "following"))
    parser.add_argument("--about", default="", metavar="THING", help=tr("such as question:SLUG"))
    parser.add_argument(
        "--words", default="", metavar="WORDS", help=tr("show those that contain these words")
    )
    add_list_arguments(parser)

    parser = add(threads, "show", show_thread, tr("Show a thread with its posts"))
    parser.add_argument("id", metavar="THREAD")
    parser.add_argument(
        "--unfold", action="store_true", help=tr("also what may give away an answer")
    )
    parser.add_argument("--json", action="store_true", help=tr("print JSON"))

    parser = add(threads, "start", start, tr("Begin a thread"))
    parser.add_argument("title", metavar="TITLE")
    parser.add_argument("--about", default="", metavar="THING", help=tr("such as question:SLUG"))
    add_text_arguments(parser)

    parser = add(threads, "reply", reply, tr("Reply in a thread"))
    parser.add_argument("id", metavar="THREAD")
    add_text_arguments(parser)

    parser = add(threads, "vote", vote, tr("Vote on a post"))
    parser.add_argument("id", metavar="THREAD")
    parser.add_argument("number", metavar="NUMBER", type=whole, help=tr("of the post"))
    parser.add_argument("vote", choices=VOTES)

    parser = add(threads, "accept", accept, tr("Accept a post as the answer of your thread"))
    parser.add_argument("id", metavar="THREAD")
    parser.add_argument("number", metavar="NUMBER", type=whole, help=tr("of the post"))
    parser.add_argument("--undo", action="store_true", help=tr("take it back"))

    parser = add(
        threads, "follow", follow, tr("Hear of new posts of a thread, or of nothing in it")
    )
    parser.add_argument("id", metavar="THREAD")
    parser.add_argument("state", nargs="?", default="following", choices=FOLLOWING)

    parser = add(threads, "watch", watch, tr("Show posts of a thread as they come"))
    parser.add_argument("id", metavar="THREAD")
    parser.add_argument("--after", type=whole, default=0, metavar="NUMBER", help=tr("of the post"))

    parser = add(commands, "notices", list_notices, tr("Notices: list, mark as read"))
    notices = parser.add_subparsers(title=tr("commands"), metavar=tr("COMMAND"), required=True)
    parser = add(notices, "list", list_notices, tr("List your notices, the latest first"))
    parser.add_argument("--unread", action="store_true", help=tr("those that are unread alone"))
    add_list_arguments(parser)
    parser = add(notices, "read", read_notices, tr("Mark notices as read, by default all"))
    parser.add_argument("ids", metavar="ID", nargs="*")


def add_text_arguments(parser: Any) -> None:
    parser.add_argument("--text", metavar="TEXT", help=tr("Markdown; without it the input is read"))
    parser.add_argument(
        "--share",
        action="append",
        default=[],
        metavar="RUN",
        help=tr("a private run of yours that it cites, and everybody may then see"),
    )


# ---------------------------------------------------------------- threads


def list_threads(context: Context) -> None:
    chosen = context.arguments
    rows = context.reader.threads.list(show=chosen.show, about=chosen.about, words=chosen.words)
    context.show(
        rows,
        [tr("thread"), "✓", tr("replies"), tr("latest post"), tr("title")],
        lambda one: (
            one.id,
            "✓" if one.is_answered else "",
            one.reply_count,
            f"{one.last_post_at.astimezone():%Y-%m-%d %H:%M}",
            one.title,
        ),
    )


def show_thread(context: Context) -> None:
    chosen = context.arguments
    thread = context.reader.threads[chosen.id]
    posts = thread.posts(unfold=chosen.unfold)
    if chosen.json:
        print_json(thread.detail.to_dict() | {"posts": [post.to_dict() for post in posts]})
        return
    context.print()
    context.print(text(thread.detail.title, "bold"))
    context.print(text(f"{thread.detail.about_title} · {thread.detail.url}", "dim"))
    for post in posts:
        show_post(context, post)


def show_post(context: Context, post: PostDetail) -> None:
    head = [f"#{post.number}", post.author or "–", f"{post.created_at.astimezone():%Y-%m-%d %H:%M}"]
    if post.score:
        head.append(f"{post.score:+}")
    if post.is_accepted:
        head.append(f"✓ {tr('accepted')}")
    context.print()
    context.print(text(" · ".join(head), "cyan"))
    if post.html is not None:
        context.print(text(html_to_text(post.html)))
        for cited in post.cites:
            context.print(text(f"  ▸ {evidence(cited)}", "dim"))
    elif post.is_folded:
        context.print(text(tr("Folded: it may give away an answer. To see it: --unfold"), "dim"))
    else:
        context.print(text(f"({post.state})", "dim"))


def evidence(cited: CitedEvidence) -> str:
    """Return what a post cites, in a line."""
    about = cited.claim or cited.run_id or "–"
    if cited.verdict_of_run is not None:
        return f"{about}: {cited.verdict_of_run.sentence or cited.verdict_of_run.outcome}"
    return about if cited.citation_state == "shown" else f"{about} ({cited.citation_state})"


def start(context: Context) -> None:
    chosen = context.arguments
    thread = context.client.threads.start(
        chosen.title, written(context), about=chosen.about, share_run_ids=chosen.share
    )
    context.print(text(tr("Posted: {url}").format(url=thread.detail.url)))


def reply(context: Context) -> None:
    chosen = context.arguments
    post = context.client.threads[chosen.id].reply(written(context), share_run_ids=chosen.share)
    context.print(text(tr("Posted: {url}").format(url=post.url)))


def written(context: Context) -> str:
    """Return the text of a post: of the argument, or all of the input."""
    words: str | None = context.arguments.text
    if words is not None:
        return words
    if sys.stdin.isatty():
        context.print(tr("Write it, and end with Ctrl-D on an empty line:"))
    return sys.stdin.read()


def vote(context: Context) -> None:
    chosen = context.arguments
    vote = context.client.threads[chosen.id].vote(chosen.number, VOTES[chosen.vote])
    context.print(tr("The post has {score}.").format(score=f"{vote.score:+}"))


def accept(context: Context) -> None:
    chosen = context.arguments
    context.client.threads[chosen.id].accept(chosen.number, not chosen.undo)
    context.print(tr("Taken back.") if chosen.undo else tr("Accepted."))


def follow(context: Context) -> None:
    following = FOLLOWING[context.arguments.state](context.client.threads[context.arguments.id])
    context.print(following.follow_state)


def watch(context: Context) -> None:
    thread = context.reader.threads[context.arguments.id]
    last = context.arguments.after
    for event in thread.watch(last):
        if isinstance(event, PostsCame):
            numbers = range(last + 1, event.last + 1)
            last = event.last
        else:
            numbers = range(event.post, event.post + 1)
            if isinstance(event, PostChanged):
                context.print(text(tr("Changed:"), "dim"))
        for number in numbers:
            with suppress(NotFound):  # another awaits approval between them
                show_post(context, thread.post(number))


# ---------------------------------------------------------------- notices


def list_notices(context: Context) -> None:
    rows = context.client.notices.list(is_unread=True if context.arguments.unread else None)
    context.show(
        rows,
        [tr("notice"), "", tr("latest"), tr("what happened"), tr("title")],
        lambda one: (
            one.id,
            "" if one.read_at else "●",
            f"{one.updated_at.astimezone():%Y-%m-%d %H:%M}",
            one.sentence + (f" ({one.event_count})" if one.event_count > 1 else ""),
            one.title,
        ),
    )


def read_notices(context: Context) -> None:
    notices = context.client.notices
    for notice in context.arguments.ids:
        notices.mark_read(notice)
    if not context.arguments.ids:
        for latest in notices.list().first(1):
            notices.mark_all_read(latest.updated_at)
    unread = notices.unread()
    more = "+" if unread.has_more_unread else ""
    context.print(tr("Unread: {count}").format(count=f"{unread.unread_count}{more}"))

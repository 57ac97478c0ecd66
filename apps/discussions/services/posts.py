"""Posts: written, edited, deleted by their authors. They are rendered before anything is locked."""

from __future__ import annotations

import re
from collections.abc import Collection
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from apps.accounts.models import User
from apps.accounts.services import lock_user
from apps.common.clock import Clock
from apps.common.errors import KeyReused
from apps.common.text import clean, displayable, is_blank, length, normalize_newlines
from apps.discussions import announcements, post_markdown, search_words, thread_events
from apps.discussions.errors import (
    BadPost,
    EditConflict,
    NotYours,
    ThreadFull,
    ThreadGone,
    ThreadLocked,
)
from apps.discussions.limits import (
    MAX_POSTS_IN_THREAD,
    MAX_TEXT_LENGTH,
    MAX_TEXT_LINES,
    MAX_TITLE_LENGTH,
    MIN_TITLE_LENGTH,
)
from apps.discussions.models import Citation, Follow, Language, Post, PostRevision, State, Thread
from apps.discussions.post_markdown import RenderedPost
from apps.discussions.services import brakes, pictures, thread_words, visibility
from apps.discussions.services.cited_runs import share_cited
from apps.discussions.services.locks import lock_post, lock_thread
from apps.discussions.services.visibility import count_posts

SENT_BEFORE = gettext_lazy("This form was sent before, with another text. Send it once more.")
HAN_CHARACTER = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")


def stored_text(text: str) -> str:
    """Return a text as it is stored."""
    return displayable(normalize_newlines(clean(text))).strip()


def stored_title(title: str) -> str:
    """Return a title as it is stored.

    Raises:
        BadPost: it is too short or too long. Chinese says as much in half the characters.
    """
    if length(title) <= MAX_TEXT_LENGTH:  # a longer one is refused without reading it
        title = " ".join(stored_text(title).split())
    if is_blank(title):
        raise BadPost(_("A thread needs a title: what is it about?"), "title")
    if len(title) + len(HAN_CHARACTER.findall(title)) < MIN_TITLE_LENGTH:
        message = _(
            "Say a little more: a title has at least %(min)d characters, and a Chinese one counts "
            "as two."
        )
        raise BadPost(message % {"min": MIN_TITLE_LENGTH}, "title")
    if len(title) > MAX_TITLE_LENGTH:
        message = _("A title has at most %(max)d characters; this one has %(count)d.")
        raise BadPost(message % {"max": MAX_TITLE_LENGTH, "count": len(title)}, "title")
    return title


def rendered(text: str) -> RenderedPost:
    """Return a post's HTML, and what stands in it.

    Raises:
        BadPost: it is too long, has too many lines, or there is nothing to read in it.
        NoKatex: the front end was not built.
    """
    text = normalize_newlines(text)
    if (count := length(text)) > MAX_TEXT_LENGTH:
        message = _("A post has at most %(max)d characters; this one has %(count)d.")
        raise BadPost(message % {"max": MAX_TEXT_LENGTH, "count": count})
    text = stored_text(text)
    if is_blank(text):
        raise BadPost(_("This post is empty: write something first."))
    if (count := text.count("\n") + 1) > MAX_TEXT_LINES:
        message = _("A post has at most %(max)d lines; this one has %(count)d.")
        raise BadPost(message % {"max": MAX_TEXT_LINES, "count": count})
    post = post_markdown.render_post(text)
    if not post.html:
        raise BadPost(_("Nothing of this post would be shown: it only defines links."))
    return post


@transaction.atomic
def reply(
    *,
    author: User,
    thread: Thread,
    text: str,
    language: str,
    key: str,
    share: Collection[UUID] = (),
) -> Post:
    """Add a post to a thread. Idempotent by `key`.

    Args:
        share: of the author's runs that it cites those that they agree to share.
    Raises:
        AccountGone: the author was deleted meanwhile.
        BadPost: it is empty or too long.
        KeyReused: `key` came with another text.
        RunsNotShared: it cites runs that nobody else can see, and the author did not agree.
        ThreadGone, ThreadLocked, ThreadFull: nobody can reply to it.
        Muted, TooManyPosts, DuplicatePost: a brake (`brakes`).
    """
    html, text = rendered(text), stored_text(text)
    lock_user(author)
    if post := Post.objects.filter(author=author, key=key).first():
        if post.thread_id != thread.pk or not has_said(post, text):
            raise KeyReused(str(SENT_BEFORE))
        return post
    runs = share_cited(author=author, cited=cited_by(html), share=share)
    thread = lock_thread(thread.pk)
    if thread.state != State.PUBLISHED:
        raise ThreadGone
    if thread.is_locked:
        raise ThreadLocked
    if thread.last_number >= MAX_POSTS_IN_THREAD:
        raise ThreadFull
    state = brakes.state_of_new(author=author, text=text, rendered=html, thread=thread)
    return add_post(
        thread=thread,
        author=author,
        text=text,
        rendered=html,
        runs=runs,
        language=language,
        key=key,
        state=state,
    )


def has_said(post: Post, text: str) -> bool:
    """Return whether a post was made with a text, as far as can be told after an edit."""
    return bool(post.edits) or post.state == State.DELETED or post.text == text


def cited_by(rendered: RenderedPost) -> set[UUID]:
    """Return the keys of the runs that a post cites, whether they exist or not."""
    return {cited.run for cited in rendered.citations}


def add_post(
    *,
    thread: Thread,
    author: User,
    text: str,
    rendered: RenderedPost,
    runs: Collection[UUID],
    language: str,
    key: str,
    state: State,
) -> Post:
    """Store a post of a locked thread, and tell whoever waits for it.

    Args:
        text: as it is stored.
        runs: locked ones, of those it cites, that its author may see.
    """
    post = Post.objects.create(
        thread=thread,
        number=thread.last_number + 1,
        author=author,
        key=key,
        state=state,
        language=language,
        text=text,
        html=rendered.html,
        html_version=post_markdown.version(),
        search=search_words.vector(text) if state == State.PUBLISHED else None,
        **({} if state == State.PUBLISHED else {"published_at": None}),
    )
    _store_citations(post, rendered, runs)
    pictures.show(post, rendered.pictures)
    Thread.objects.filter(pk=thread.pk).update(last_number=post.number)
    Follow.objects.get_or_create(thread=thread, user=author)
    if state == State.PUBLISHED:
        count_posts(thread)
        thread_words.add(post)
        announcements.post_published(thread=thread, post=post, mentions=rendered.mentions)
    else:
        announcements.post_waits(thread=thread, post=post)
    return post


@transaction.atomic
def edit_post(
    *, author: User, post: Post, text: str, edits: int, share: Collection[UUID] = ()
) -> Post:
    """Replace a post's text; what it said before is kept.

    Args:
        edits: how often it had been edited when its author opened it.
        share: of the author's runs that it cites now those that they agree to share.
    Raises:
        AccountGone: the author was deleted meanwhile.
        BadPost: it is empty or too long.
        EditConflict: it was edited elsewhere since.
        NotYours: it is somebody else's.
        RunsNotShared: it now cites runs that nobody else can see, and the author did not agree.
        ThreadGone, ThreadLocked: it can no longer be edited.
        Muted, DuplicatePost: a brake (`brakes`).
    """
    html, text = rendered(text), stored_text(text)
    lock_user(author)
    if post.author_id != author.pk:
        raise NotYours(_("Only its author edits a post."))
    # only its author, who is locked, changes what it cites
    before = set(post.citations.values_list("cited", flat=True))
    runs = share_cited(author=author, cited=cited_by(html), share=share, before=before)
    thread = lock_thread(post.thread_id)
    post = lock_post(post.pk)
    if thread.is_locked:
        raise ThreadLocked
    if post.text == text:
        return post  # sent twice, or nothing changed
    if post.edits != edits:
        raise EditConflict(post.text)
    state = brakes.state_of_edit(author=author, post=post, text=text, rendered=html)
    PostRevision.objects.create(
        post=post,
        number=edits,
        text=post.text,
        written_at=post.edited_at or post.created_at,
        state=post.state,
    )
    Post.objects.filter(pk=post.pk).update(
        text=text,
        html=html.html,
        html_version=post_markdown.version(),
        edited_at=Clock(),
        edits=F("edits") + 1,
        search=search_words.vector(text) if state == State.PUBLISHED else None,
    )
    _store_citations(post, html, runs)
    pictures.show(post, html.pictures)
    if state != post.state:
        visibility.take_away(thread, post, state)
        announcements.post_waits(thread=thread, post=post)
    elif state == State.PUBLISHED:
        thread_words.gather([thread.pk])
        thread_events.post_changed(post)
    return Post.objects.get(pk=post.pk)


@transaction.atomic
def delete_post(*, author: User, post: Post) -> None:
    """Leave a post's place in its thread, and nothing of its text. Idempotent.

    Raises:
        AccountGone: the author was deleted meanwhile.
        NotYours: it is somebody else's.
    """
    lock_user(author)
    thread = lock_thread(post.thread_id)
    locked = Post.objects.select_for_update(of=("self",), no_key=True).get(pk=post.pk)
    if locked.author_id != author.pk:
        raise NotYours(_("Only its author deletes a post."))
    erase(thread, locked)


def erase(thread: Thread, post: Post) -> None:
    """Erase a locked post of a locked thread. A thread goes with the last of its posts; one that
    awaited approval for the sake of the first is there again for the others.
    """
    if post.state == State.DELETED:
        return
    post.revisions.all().delete()
    post.citations.all().delete()
    pictures.show(post, [])
    Post.objects.filter(pk=post.pk).update(
        state=State.DELETED, text="", html="", html_version="", search=None
    )
    thread_events.post_changed(post)
    if thread.accepted_id == post.pk:
        visibility.withdraw_acceptance(thread)
    count_posts(thread)
    announcements.post_gone(thread=thread, post=post)
    rest = thread.posts.exclude(state=State.DELETED)
    if not rest.exists():
        Thread.objects.filter(pk=thread.pk).update(state=State.DELETED, search=None)
        announcements.thread_gone(thread=thread)
    elif post.number == 1 and thread.state == State.PENDING:
        visibility.show_thread(thread)
    thread_words.gather([thread.pk])


def rerender(*, post: Post) -> bool:
    """Render a post again that an older version rendered. Returns whether it was: not one that was
    edited or deleted meanwhile. Idempotent.

    Raises:
        NoKatex: the front end was not built.
    """
    with override("zh-hans" if post.language == Language.CHINESE else "en"):
        html = post_markdown.render_post(post.text)
    with transaction.atomic():
        same = Post.objects.rendered_otherwise(post_markdown.version()).filter(edits=post.edits)
        if not same.select_for_update(of=("self",), no_key=True).filter(pk=post.pk).exists():
            return False
        Post.objects.filter(pk=post.pk).update(html=html.html, html_version=post_markdown.version())
        shown = post.citations.exclude(run=None).values_list("run_id", flat=True)
        _store_citations(post, html, set(shown))
    return True


def _store_citations(post: Post, rendered: RenderedPost, runs: Collection[UUID]) -> None:
    post.citations.all().delete()
    Citation.objects.bulk_create(
        Citation(
            post=post,
            position=position,
            kind=cited.kind,
            run_id=cited.run if cited.run in runs else None,
            cited=cited.run,
            claim=cited.claim,
            arm=cited.arm,
            series=cited.series,
            step=cited.step,
        )
        for position, cited in enumerate(rendered.citations)
    )

"""What an archive has of a person: every table that refers to people is a section here, or is left
out for a reason. A test walks all models, so that a new table cannot be forgotten.

A row has all columns of its table but those that its section leaves out, with names that mean
something outside this database in place of keys: the slug of a question, the handle of a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.contrib import auth
from django.contrib.postgres.search import SearchVectorField
from django.db.models import BinaryField, Field, Model, QuerySet

from apps.accounts.models import Session, User
from apps.accounts.sessions import BROWSER, SIGNED_IN_AT, USED_AT, SessionStore
from apps.api.models import ApiToken
from apps.archives.limits import CHUNK_ROWS
from apps.archives.models import Export, Import
from apps.audit import presenters as audit
from apps.audit.models import AuditEvent
from apps.audit.selectors import events_about
from apps.discussions.models import (
    Appeal,
    Citation,
    Flag,
    Follow,
    ModerationAction,
    Mute,
    Picture,
    Post,
    PostRevision,
    Thread,
    Vote,
)
from apps.experiments.models import (
    ComputeUsage,
    LabVersion,
    OpenedVerdict,
    Prediction,
    Run,
    Verdict,
)
from apps.experiments.selectors import Reader, readable_runs
from apps.notices.models import Notice, Preference
from apps.progress.models import (
    Answer,
    Attempt,
    Bookmark,
    Card,
    DailyStats,
    Note,
    Plan,
    Review,
    ReviewSession,
    UnreadVerdict,
)
from apps.questions.models import Question, Report, Revision
from apps.questions.selectors import private_cards
from apps.webhooks.models import Delivery, Webhook

Row = dict[str, Any]
# of a model that is referred to: the endings of the names in a row, and what stands there
NATURAL: Mapping[type[Model], Mapping[str, str]] = {
    User: {"": "handle"},
    Question: {"": "slug"},
    Revision: {"": "number"},
    LabVersion: {"_lab": "lab", "_code_hash": "code_hash"},
    Card: {"_question": "question__slug"},
}
NOT_JSON = (BinaryField, SearchVectorField)
# of tables that have no section, why
LEFT_OUT: Mapping[str, str] = {
    "account.EmailConfirmation": "a link that works like a password; it expires within days",
    "accounts.User_groups": "in `account`: the names of the roles",
    "accounts.User_user_permissions": "in `account`: the names of the permissions",
    "admin.LogEntry": "what an operator did with rows of others, by name",
    "api.DeviceLogin": "programs that asked to sign in, for an hour: in `security_activity`",
    "api.IdempotentRequest": "answers to programs, kept for a day in case they ask again",
    "socialaccount.SocialToken": "tokens of other sites, none of which is stored",
    "mfa.Authenticator": "secrets of the second step of signing in",
    "accounts.OutgoingMail": "mails to them, which they have; gone within weeks",
    "accounts.EmailChange": "links that work like passwords; it expires within days",
    "questions.Revision": "in `private_cards`: their texts as they are now",
    "questions.RevisionText": "parts of questions, of which a private card has none",
    "experiments.Batch": "points: the files in `runs/`, unless the verdict is folded",
    "experiments.Prediction": "in `runs`, beside what it predicts",
    "experiments.RunAttempt": "which worker had a run when: of the machines, not of the person",
    "experiments.Verdict": "in `runs`, unless it is folded",
}
# of tables that have a section, relations to people by which a row is not theirs, and why
NOT_THEIRS: Mapping[str, str] = {
    "accounts.Invitation.created_by": "it is that of who is invited",
    "audit.AuditEvent.actor": "what they did to others is in those people's archives",
    "discussions.Appeal.decided_by": "the appeal is that of who appealed",
    "discussions.ModerationAction.moderator": "it is about somebody else's post",
    "discussions.Thread.accepted_by": "the thread is its author's",
    "notices.Notice.actor": "the notice is that of who is told",
}


@dataclass(frozen=True)
class Section:
    """A list of rows in `gradus.json`."""

    name: str
    model: type[Model]
    owners: tuple[str, ...]  # lookups from the model to the person
    rows: Callable[[User], Iterator[Row]]
    count: Callable[[User], int]


def _table(
    name: str, model: type[Model], owner: str, *, without: str = "", **extra: str
) -> Section:
    """Return a section with the columns of a table.

    Args:
        owner: lookup from the model to the person.
        without: columns that are left out, between spaces.
        extra: further values, by lookup.
    """
    left_out = {owner, *without.split()}

    def rows_of(user: User) -> QuerySet[Any]:
        return model._base_manager.filter(**{owner: user})

    def rows(user: User) -> Iterator[Row]:
        # an annotation cannot have the name of a column, so that none is asked for by its own
        paths = {**_columns(model, left_out), **extra}
        query = rows_of(user).order_by("pk").values_list(*paths.values())
        for row in query.iterator(chunk_size=CHUNK_ROWS):
            yield dict(zip(paths, row, strict=True))

    return Section(name, model, (owner,), rows, lambda user: rows_of(user).count())


def _columns(model: type[Model], left_out: set[str]) -> dict[str, str]:
    """Return the names in a row, each with the lookup of its value."""
    columns: dict[str, str] = {}
    field: Field[Any, Any]
    for field in model._meta.concrete_fields:
        if field.name in left_out or isinstance(field, NOT_JSON):
            continue
        target = field.related_model if field.is_relation else None
        if isinstance(target, type) and target in NATURAL:
            for ending, path in NATURAL[target].items():
                columns[f"{field.name}{ending}"] = f"{field.name}__{path}"
        else:
            columns[field.name] = field.attname if field.is_relation else field.name
    return columns


# ---------------------------------------------------------------- sections of their own kind


def account(user: User) -> Row:
    """Return the account: settings and roles, and nothing by which one signs in."""
    return {
        "handle": user.handle,
        "email": user.email,
        "language": user.language,
        "page_language": user.page_language,
        "theme": user.theme,
        "time_zone": user.time_zone,
        "profile": user.profile,
        "shows_all_verdicts": user.shows_all_verdicts,
        "date_joined": user.date_joined,
        "last_login": user.last_login,
        "is_staff": user.is_staff,
        "is_superuser": user.is_superuser,
        "roles": list(user.groups.order_by("name").values_list("name", flat=True)),
        "permissions": sorted(user.user_permissions.values_list("codename", flat=True)),
    }


def _sessions(user: User) -> Iterator[Row]:
    """Yield where somebody is signed in, without the keys, which are secrets."""
    for session in Session.objects.filter(user=user).order_by("expire_date").iterator():
        data = SessionStore().decode(session.session_data)
        if auth.SESSION_KEY in data:  # not a form that is kept
            yield {
                "browser": data.get(BROWSER, ""),
                "signed_in_at": _time(data.get(SIGNED_IN_AT, 0)),
                "used_at": _time(data.get(USED_AT, 0)),
                "expires_at": session.expire_date,
            }


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def runs_of(user: User) -> Iterator[tuple[Run, bool]]:
    """Yield the runs of a person, and whether they may see the verdict: an archive gives none away
    that its page folds.
    """
    runs = Run.objects.filter(owner=user).select_related("version", "prediction").order_by("pk")
    chunks = runs.prefetch_related("verdicts").iterator(chunk_size=CHUNK_ROWS)
    while chunk := list(islice(chunks, CHUNK_ROWS)):
        readable = readable_runs(Reader(user), chunk)
        yield from ((run, run.pk in readable) for run in chunk)


RUN_COLUMNS = _columns(Run, {"owner", "version", "detail", "key", "last_seq", "summary"})
VERDICT_COLUMNS = _columns(Verdict, {"id", "run"})
PREDICTION_COLUMNS = _columns(Prediction, {"id", "run"})


def points_file(run: Run) -> str:
    """Return the name in an archive of the file with a run's points."""
    return f"runs/{run.pk}.csv"


def picture_file(picture: Picture) -> str:
    """Return the name in an archive of a picture's file, as texts name it."""
    return f"pictures/{picture.pk}.{picture.format}"


def _runs(user: User) -> Iterator[Row]:
    for run, shows_verdict in runs_of(user):
        prediction = getattr(run, "prediction", None)
        row = _picked(run, RUN_COLUMNS)
        row |= {"lab": run.version.lab_id, "code_hash": run.version.code_hash}
        row["prediction"] = _picked(prediction, PREDICTION_COLUMNS) if prediction else None
        row["is_folded"] = not shows_verdict
        if shows_verdict:
            row["summary"] = run.summary
            row["verdicts"] = [_picked(verdict, VERDICT_COLUMNS) for verdict in run.verdicts.all()]
            row["points"] = points_file(run)
        yield row


def _picked(thing: Model, columns: Iterable[str]) -> Row:
    return {name: getattr(thing, name) for name in columns}


def _private_cards(user: User) -> Iterator[Row]:
    """Yield the private cards of a person, each with its text as it is now."""
    cards = private_cards(user).order_by("pk").iterator(chunk_size=CHUNK_ROWS)
    for card in cards:
        assert card.current is not None
        yield {
            "slug": card.slug,
            "guid": card.guid,
            "origin": card.origin,
            "sha256": card.files_sha256,
            "text_format": card.current.text_format,
            "front": card.current.statement_en,
            "back": card.current.answer_en,
            "updated_at": card.current.created_at,
        }


def _events(user: User) -> Iterator[Row]:
    """Yield the security activity as its page shows it: of what others did, no network."""
    for event in events_about(user).order_by("pk").iterator(chunk_size=CHUNK_ROWS):
        row = audit.row(event)
        yield {
            "at": event.at,
            "kind": event.kind,
            "subject": event.subject,
            "details": event.details,
            "personal": event.personal,
            "by": row.by,
            "network": row.network,
            "browser": row.browser,
        }


# ---------------------------------------------------------------- all of them

SECTIONS = (
    _table("addresses", EmailAddress, "user"),
    _table("connected_accounts", SocialAccount, "user", without="id last_login"),
    Section(
        "sessions",
        Session,
        ("user",),
        _sessions,
        lambda user: Session.objects.filter(user=user).count(),
    ),
    Section(
        "security_activity",
        AuditEvent,
        ("person",),
        _events,
        lambda user: events_about(user).count(),
    ),
    _table("api_keys", ApiToken, "user", without="digest token_key"),
    _table("webhooks", Webhook, "owner", without="secret previous_secret key_name"),
    _table("webhook_deliveries", Delivery, "webhook__owner"),
    _table("plan", Plan, "user", without="id"),
    Section(
        "private_cards",
        Question,
        ("owner",),
        _private_cards,
        lambda user: private_cards(user).count(),
    ),
    _table("cards", Card, "user"),
    _table("reviews", Review, "user", without="id"),
    _table("review_sessions", ReviewSession, "user"),
    _table("days", DailyStats, "user", without="id"),
    _table("attempts", Attempt, "user"),
    _table("answers", Answer, "user", without="id", question="attempt__question__slug"),
    _table("notes", Note, "user", without="id"),
    _table("bookmarks", Bookmark, "user", without="id"),
    _table("reports", Report, "reporter", without="id key note"),
    Section("runs", Run, ("owner",), _runs, lambda user: Run.objects.filter(owner=user).count()),
    _table("opened_verdicts", OpenedVerdict, "user", without="id"),
    _table("unread_verdicts", UnreadVerdict, "user", without="id told_at"),
    _table("compute_usage", ComputeUsage, "owner", without="id"),
    _table("threads", Thread, "author", without="key accepted_by"),
    _table("posts", Post, "author", without="key html html_version"),
    _table("post_revisions", PostRevision, "post__author", without="id"),
    _table("citations", Citation, "post__author", without="id"),
    _table("pictures", Picture, "owner"),
    _table("votes", Vote, "user", without="id", thread="post__thread", number="post__number"),
    _table("follows", Follow, "user", without="id"),
    _table("flags", Flag, "flagger", without="id action"),
    _table("moderation", ModerationAction, "person", without="moderator"),
    _table("appeals", Appeal, "person", without="decided_by"),
    _table("mutes", Mute, "person", without="id"),
    _table("notices", Notice, "person", without="id mail_due_at mailed_count"),
    _table("notice_preferences", Preference, "person", without="id"),
    _table("archives", Export, "owner", without="id key error attempts next_attempt_at"),
    _table("imports", Import, "owner", without="id key plan attempts next_attempt_at"),
)


def count(user: User) -> int:
    """Return how many rows the sections of a person have."""
    return sum(section.count(user) for section in SECTIONS)

"""Every URL of the site, the admin's too, in every role: no server errors, and 404 or 403 for what
one may not see.

The routes come from the URL resolver: a route that is not in the tables below fails, so whoever
adds one, or registers a model in the admin, says who may see it.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.admin import site as admin_site
from django.contrib.admin.utils import quote as quote_pk
from django.contrib.auth.models import Group
from django.db import models, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from apps.accounts.models import User
from apps.accounts.roles import ROLES as TABLE_OF_ROLES
from apps.accounts.services import restore_roles
from apps.discussions import services as discussions
from apps.discussions.models import Thread
from apps.discussions.subjects import Subject
from apps.experiments import services
from apps.experiments.models import Run, Worker
from apps.questions import private_cards
from apps.questions.models import Question, Report, Revision
from apps.questions.private_cards import CardText
from apps.questions.services import draft_from
from apps.webhooks import services as webhooks
from apps.webhooks.models import Delivery
from tests.common.reauthenticating import enter_password
from tests.contracts.api_matrix import API, METHODS, PUBLIC
from tests.contracts.api_matrix import ARGUMENTS as API_ARGUMENTS
from tests.experiments.pages_cast import loaded, measured, queued, recorded
from tests.progress.conftest import NUMERIC, make_question

pytestmark = [pytest.mark.attack, pytest.mark.django_db]
STAFF = ("author", "moderator", "instructor", "operator", "superuser")
# owner and stranger are learners: of the run, whose page it is, and another
ROLES = ("visitor", "owner", "stranger", *STAFF)
IN = "302 /accounts/login/"  # sent to sign in
ADMIN_IN = "302 /admin/login/"
# of a visitor, the owner, a stranger, and staff of any role, or of STAFF in turn where a page asks
# for a permission. A number, or a number and where it leads
Answers = tuple[Any, ...]


def same(answer: Any) -> Answers:
    return (answer,) * 4


def for_moderators(answer: Any) -> Answers:
    """Those of a page that moderators and superusers alone may use."""
    staff = [answer if role in ("moderator", "superuser") else 403 for role in STAFF]
    return (IN, 403, 403, *staff)


PRIVATE: Answers = (404, 200, 404, 404)  # a run that is not shared: staff have the admin
OWN_ACTION: Answers = (IN, 302, 404, 404)
# (GET, POST with an empty form) by route name; {run}, {own} … are filled in by `filled`
MATRIX: dict[str, tuple[Answers, Answers]] = {
    "experiments:catalogue": (same(200), same(405)),
    "experiments:lab": (same(200), same(422)),
    "experiments:pending-prediction": (same(302), same(302)),
    "experiments:runs": ((IN, 200, 200, 200), (405, 405, 405, 405)),
    # it names no run; those that it may name: tests/experiments/test_compare.py
    "experiments:compare": (same(400), same(405)),
    "experiments:run": (PRIVATE, same(405)),
    "experiments:run-panel": (PRIVATE, same(405)),
    "experiments:run-points": (PRIVATE, same(405)),
    "experiments:run-csv": (PRIVATE, same(405)),
    "experiments:run-events": (PRIVATE, same(405)),
    # it names no run; those that it may name: tests/experiments/test_sse.py
    "experiments:run-states": (same(404), same(405)),
    "experiments:run-stop": (same(405), OWN_ACTION),
    "experiments:run-visibility": (same(405), (IN, 400, 404, 404)),
    "experiments:run-rerun": (same(405), (IN, 400, 404, 404)),
    "experiments:verdict-open": (same(405), (404, 302, 404, 404)),
    "experiments:claims": (same(200), same(405)),
    "experiments:verdicts-open": (same(405), same(302)),
    "progress:today": (same(200), same(405)),
    "progress:plan": ((IN, 200, 200, 200), (IN, 422, 422, 422)),
    "progress:verdict-read": (same(405), OWN_ACTION),
    "progress:run-questions": (PRIVATE, same(405)),
    "progress:question": (same(200), same(405)),
    "progress:question-check": (same(405), (400, 400, 400, 400)),
    "progress:question-hint": (same(405), (IN, 302, 302, 302)),
    "progress:question-reveal": (same(405), same(302)),
    "progress:question-grade": (same(405), (IN, 400, 400, 400)),
    "progress:question-points": (same(405), (IN, 400, 400, 400)),
    "progress:question-note": (same(405), (IN, 302, 302, 302)),
    "progress:question-bookmark": (same(405), (IN, 302, 302, 302)),
    "progress:question-suspend": (same(405), (IN, 302, 302, 302)),
    "progress:question-card": (same(405), (IN, 302, 302, 302)),
    "progress:review": ((IN, 200, 200, 200), (405, 405, 405, 405)),
    "progress:review-start": (same(405), (IN, 409, 409, 409)),
    "progress:review-end": (same(405), (IN, 302, 302, 302)),
    "progress:review-skip": (same(405), (IN, 302, 302, 302)),
    "progress:review-undo": (same(405), (IN, 302, 302, 302)),
    "progress:progress": ((IN, 200, 200, 200), (405, 405, 405, 405)),
    "progress:progress-csv": ((IN, 200, 200, 200), (405, 405, 405, 405)),
    "progress:topic": (same(200), same(405)),
    "progress:questions": (same(200), same(405)),
    "progress:own-questions": ((IN, 200, 200, 200), (IN, 405, 405, 405)),
    "progress:private-cards": ((IN, 200, 200, 200), (IN, 405, 405, 405)),
    "progress:private-card-new": ((IN, 200, 200, 200), (IN, 422, 422, 422)),
    "progress:private-card-edit": ((IN, 200, 404, 404), (IN, 422, 404, 404)),
    "progress:private-card-delete": (same(405), OWN_ACTION),
    "progress:private-cards-delete": (same(405), (IN, 302, 302, 302)),
    "questions:about": (same(200), same(405)),
    "questions:report": ((IN, 200, 200, 200), (IN, 200, 200, 200)),
    # the owner has no public page; those of somebody who has: tests/discussions/test_people.py
    "discussions:person": (same(404), same(405)),
    "discussions:threads": (same(200), same(405)),
    "discussions:new": ((IN, 200, 200, 200), (IN, 422, 422, 422)),
    "discussions:preview": (same(405), (IN, 200, 200, 200)),
    "discussions:panel": (same(404), same(405)),  # it names no subject
    "discussions:own-runs": ((IN, 200, 200, 200), same(405)),
    "discussions:thread": (same(200), same(405)),
    "discussions:reply": (same(405), (IN, 422, 422, 422)),
    "discussions:thread-follow": (same(405), (IN, 400, 400, 400)),
    "discussions:post": (same(302), same(405)),
    "discussions:post-quote": (same(200), same(405)),
    "discussions:post-history": (same(200), same(405)),
    "discussions:post-edit": ((IN, 200, 403, 403), (IN, 422, 403, 403)),
    "discussions:post-delete": (same(405), (IN, 302, 403, 403)),
    "discussions:post-vote": (same(405), (IN, 400, 400, 400)),
    "discussions:post-accept": (same(405), (IN, 400, 400, 400)),
    "discussions:picture-upload": ((IN, 200, 200, 200), (IN, 400, 400, 400)),
    # there is none; who sees which: tests/discussions/test_pictures.py, test_thread_events.py
    "discussions:picture": (same(404), same(405)),
    "discussions:thread-events": (same(404), same(405)),
    "discussions:post-flag": ((IN, 200, 200, 200), (IN, 422, 422, 422)),
    "discussions:moderation": (for_moderators(200), same(405)),
    "discussions:moderation-log": (for_moderators(200), same(405)),
    "discussions:moderation-mutes": (for_moderators(200), same(405)),
    "discussions:moderation-post": (for_moderators(200), for_moderators(400)),
    "discussions:moderation-thread": (same(405), for_moderators(400)),
    "discussions:moderation-person": (same(405), for_moderators(400)),
    "discussions:moderation-decision": (same(405), for_moderators(400)),
    # the owner's own, and nobody else's
    "discussions:appeal": ((IN, 200, 404, 404), (IN, 422, 404, 404)),
    # the owner's own, and nobody else's; learners have no password, and are sent to set one
    "api_pages:tokens": ((IN, 200, 200, 200), same(405)),
    "api_pages:new": ((IN, 200, 200, 200), (IN, 302, 302, 422)),
    "api_pages:revoke": (same(405), (IN, 400, 400, 400)),
    "api_pages:device": ((IN, 200, 200, 200), (IN, 422, 422, 422)),
    "api_pages:device-decide": (same(405), (IN, 400, 400, 400)),
    "api:docs": (same(200), same(405)),
    "webhooks:webhooks": ((IN, 200, 200, 200), same(405)),
    "webhooks:new": ((IN, 200, 200, 200), (IN, 302, 302, 422)),
    "webhooks:webhook": ((IN, 200, 404, 404), same(405)),
    "webhooks:edit": ((IN, 200, 404, 404), (IN, 302, 302, 404)),
    "webhooks:secret": (same(405), (IN, 302, 302, 404)),
    "webhooks:switch": (same(405), OWN_ACTION),
    "webhooks:delete": (same(405), OWN_ACTION),
    "webhooks:test": (same(405), OWN_ACTION),
    "webhooks:delivery": ((IN, 200, 404, 404), same(405)),
    # it waits already
    "webhooks:redeliver": (same(405), (IN, 409, 404, 404)),
    "accounts:settings": ((IN, 200, 200, 200), (IN, 200, 200, 200)),
    "accounts:sessions": ((IN, 200, 200, 200), (IN, 200, 200, 200)),
    "accounts:email": ((IN, 200, 200, 200), (IN, 200, 200, 200)),
    # a link that is not ours; those that are: tests/accounts/test_email_changes.py
    "accounts:email-confirm": (same(410), same(410)),
    "accounts:delete": ((IN, 200, 200, 200), (IN, 200, 200, 200)),
    "accounts:keep": (same(405), (IN, 302, 302, 302)),
    # a link that is not ours; those that are: tests/accounts/test_own_deletion.py
    "accounts:keep-by-link": (same(410), same(410)),
    "accounts:sign-in": ((IN, 200, 200, 200), same(405)),
    # the learners have no password, and are sent to set one
    "accounts:totp": ((IN, 302, 302, 200), (IN, 302, 302, 422)),
    "accounts:passkey-add": ((IN, 302, 302, 200), (IN, 302, 302, 200)),
    "accounts:recovery-codes": (same(405), (IN, 302, 302, 302)),
    "accounts:factor-remove": (same(405), (IN, 302, 302, 404)),
    "accounts:provider-connect": (same(405), (IN, 302, 302, 404)),
    "accounts:provider-confirm": (same(405), (IN, 404, 404, 404)),
    "accounts:provider-disconnect": (same(405), (IN, 302, 302, 404)),
    "archives:data": ((IN, 200, 200, 200), same(405)),
    "archives:make": (same(405), (IN, 302, 302, 302)),
    "archives:import": ((IN, 200, 200, 200), (IN, 422, 422, 422)),
    "archives:import-confirm": (same(405), (IN, 404, 404, 404)),
    "archives:import-discard": (same(405), (IN, 404, 404, 404)),
    # nobody's; those of somebody: tests/archives/test_exports.py
    "archives:download": (same(405), (IN, 302, 302, 404)),
    "archives:delete": (same(405), (IN, 404, 404, 404)),
    "accounts:activity": ((IN, 200, 200, 200), (405, 405, 405, 405)),
    "notices:notices": ((IN, 200, 200, 200), (405, 405, 405, 405)),
    # that of somebody else, or none
    "notices:open": (same(405), (IN, 404, 404, 404)),
    "notices:read": (same(405), (IN, 400, 400, 400)),
    "notices:settings": ((IN, 200, 200, 200), (IN, 422, 422, 422)),
    # a link that is not ours; those that are: tests/notices/test_unsubscribing.py
    "notices:unsubscribe": (same(410), same(410)),
    "accounts:language": (same(405), same(400)),
    "accounts:theme": (same(405), same(400)),
    # nothing was kept
    "accounts:resume": ((IN, 302, 302, 302), (IN, 302, 302, 302)),
    "accounts:operator": (same(410), same(410)),
    # without a citation; with one: tests/discussions/test_embeds.py
    "discussions:chart": (same(404), same(405)),
    "security-txt": (same(404), same(405)),
    "robots": (same(200), same(405)),
    "sitemap": (same(200), same(405)),
    "about": (same(200), same(405)),
    "privacy": (same(200), same(405)),
    "licence": (same(200), same(405)),
    "account_login": ((200, 302, 302, 302), (200, 302, 302, 302)),
    # nobody has entered a password just now
    "mfa_authenticate": ((IN, 302, 302, 302),) * 2,
    "passkey_options": (same(405), same(200)),
    "passkey_sign_in": (same(405), (IN, 302, 302, 302)),
    # this site has no keys; with keys: tests/accounts/test_providers.py
    "provider_sign_in": (same(405), same(404)),
    "provider_callback": (same(404), same(405)),
    "provider_signup": (same(IN), same(IN)),
    "account_logout": ((302, 200, 200, 200), same(302)),
    "account_signup": ((200, 302, 302, 302), (200, 302, 302, 302)),
    "account_inactive": (same(200), same(405)),
    "account_email_verification_sent": (same(200), same(405)),
    "account_confirm_email": (same(200), same(404)),
    # staff have entered their passwords; the learners have none, and are sent to set one
    "account_change_password": ((IN, 302, 302, 200), (IN, 302, 302, 200)),
    "account_set_password": ((IN, 200, 200, 302), (IN, 200, 200, 302)),
    "account_reauthenticate": ((IN, 403, 403, 200), (IN, 403, 403, 200)),
    "account_reset_password": (same(200), same(200)),
    "account_reset_password_done": (same(200), same(405)),
    "account_reset_password_from_key": (same(200), same(200)),
    "account_reset_password_from_key_done": (same(200), same(405)),
    "worker_api:lease": (same(401), same(401)),
    "worker_api:events": (same(401), same(401)),
    "worker_api:result": (same(401), same(401)),
    "worker_api:release": (same(401), same(401)),
}


@dataclass(frozen=True)
class Pages:
    """Who of the staff may look at a table of the admin, add a row, change and delete one. A
    superuser may with them; None: nobody may.
    """

    look: str
    add: str | None = None
    change: str | None = None
    delete: str | None = None

    def permits(self, page: str, method: str, role: str) -> bool:
        who = {
            "changelist": self.look,
            "history": self.look,
            "add": self.add,
            "change": self.look if method == "get" else self.change,
            "delete": self.delete,
        }[page]
        return who is not None and role in (*who.split(), "superuser")

    def questions(self, page: str) -> Iterator[tuple[str, str]]:
        """Yield the roles and methods to ask a page with: GET by all, POST where a form is sent, by
        staff. Where nobody may, it is enough to ask a superuser.
        """
        for role in ("visitor", "stranger", *STAFF):
            yield role, "get"
        if page in ("add", "change", "delete"):
            nobody = getattr(self, page) is None
            for role in STAFF[-1:] if nobody else STAFF:
                yield role, "post"


MODEL_PAGES = ("changelist", "add", "change", "delete", "history")
# by label of the model, for its five pages
ADMIN = {
    "account.emailaddress": Pages("operator", None, "operator", ""),
    "accounts.invitation": Pages("operator", "operator", None, "operator"),
    "accounts.outgoingmail": Pages("operator"),
    "accounts.user": Pages("operator", "operator", "operator", "operator"),
    "audit.auditevent": Pages("operator"),
    "auth.group": Pages("operator", "", "", ""),
    "experiments.batch": Pages("operator"),
    "experiments.claim": Pages("author operator"),
    "experiments.computeusage": Pages("operator"),
    "experiments.lab": Pages("author operator"),
    "experiments.labversion": Pages("author operator"),
    "experiments.labwords": Pages("author operator"),
    "experiments.openedverdict": Pages("operator"),
    "experiments.prediction": Pages("operator"),
    "experiments.run": Pages("operator"),
    "experiments.runattempt": Pages("operator"),
    "experiments.verdict": Pages("operator"),
    "experiments.worker": Pages("operator", "operator", "operator", ""),
    "discussions.appeal": Pages("moderator operator"),
    "discussions.flag": Pages("moderator operator"),
    "discussions.moderationaction": Pages("moderator operator"),
    "discussions.mute": Pages("moderator operator"),
    "discussions.post": Pages("moderator operator"),
    "discussions.thread": Pages("moderator operator"),
    "progress.answer": Pages("instructor"),
    "progress.attempt": Pages("instructor"),
    "progress.bookmark": Pages(""),
    "progress.card": Pages("instructor"),
    "progress.dailystats": Pages("instructor"),
    "progress.note": Pages(""),
    "progress.plan": Pages(""),
    "progress.review": Pages("instructor"),
    "progress.reviewsession": Pages("instructor"),
    "progress.unreadverdict": Pages(""),
    "questions.bank": Pages("author", "author", "author", ""),
    "questions.question": Pages("author moderator", "author", "author", ""),
    "questions.report": Pages("author moderator", None, "author moderator", ""),
    "questions.revision": Pages("author", "author", "author", "author"),
    "questions.revisiontext": Pages("author"),
    "webhooks.delivery": Pages("operator"),
    "webhooks.webhook": Pages("operator"),
}
# of the other pages of the admin, GET and POST: of a visitor, a learner, and STAFF in turn
ADMIN_PAGES: dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {
    "admin:index": ((ADMIN_IN, ADMIN_IN, *[200] * 5),) * 2,
    "admin:login": ((IN, 403, *[302] * 5), (IN, 403, *[200] * 5)),
    "admin:logout": ((302, 302, *[405] * 5), (302, 302, *[302] * 5)),
    "admin:password_change": ((ADMIN_IN, ADMIN_IN, *[302] * 5),) * 2,
    "admin:password_change_done": (
        (ADMIN_IN, ADMIN_IN, *[200] * 5),
        (ADMIN_IN, ADMIN_IN, *[405] * 5),
    ),
    "admin:jsi18n": ((ADMIN_IN, ADMIN_IN, *[200] * 5), (ADMIN_IN, ADMIN_IN, *[405] * 5)),
    "admin:view_on_site": ((ADMIN_IN, ADMIN_IN, *[404] * 5),) * 2,
    # of the questions
    "admin:app_list": ((ADMIN_IN, ADMIN_IN, 200, 200, 404, 404, 200),) * 2,
    # of the questions, for a draft
    "admin:autocomplete": (
        (ADMIN_IN, ADMIN_IN, 200, 200, 403, 403, 200),
        (ADMIN_IN, ADMIN_IN, *[405] * 5),
    ),
    "admin:experiments_worker_revoke": (
        (ADMIN_IN, ADMIN_IN, *[405] * 5),
        (ADMIN_IN, ADMIN_IN, 403, 403, 403, 302, 302),
    ),
    "admin:auth_user_password_change": ((ADMIN_IN, ADMIN_IN, 403, 403, 403, 200, 200),) * 2,
}
QUESTION = {"slug": "how-long"}
# on a question
ACTIONS = (
    "question",
    "question-check",
    "question-hint",
    "question-reveal",
    "question-grade",
    "question-points",
    "question-note",
    "question-bookmark",
    "question-suspend",
    "question-card",
)
ARGUMENTS: dict[str, dict[str, Any]] = {
    **{f"progress:{action}": QUESTION for action in ACTIONS},
    "progress:progress-csv": {"figure": "recall"},
    "progress:private-card-edit": {"slug": "private-nothing"},  # `Cast` has one
    "progress:private-card-delete": {"slug": "private-nothing"},
    "progress:topic": {"slug": "losses"},
    "questions:about": {"claim": "dead-relu.lr-kills"},
    "questions:report": QUESTION,
    "experiments:lab": {"slug": "dead-relu"},
    "experiments:pending-prediction": {"slug": "dead-relu"},
    "notices:open": {"pk": 1},
    "discussions:person": {"handle": "mei"},
    "notices:unsubscribe": {"token": "x"},
    "discussions:picture": {"sha256": "0" * 64, "extension": "png"},
    "discussions:thread-events": {"pk": 0},
    "accounts:operator": {"token": "x"},
    "accounts:factor-remove": {"pk": 0},
    "accounts:keep-by-link": {"token": "x"},
    "accounts:provider-connect": {"provider": "github"},
    "accounts:provider-confirm": {"provider": "github"},
    "accounts:provider-disconnect": {"pk": 0},
    "provider_sign_in": {"provider": "github"},
    "provider_callback": {"provider": "github"},
    "accounts:email-confirm": {"token": "x"},
    "archives:download": {"key": "x"},
    "archives:import-confirm": {"key": "x"},
    "archives:import-discard": {"key": "x"},
    "archives:delete": {"key": "x"},
    "account_confirm_email": {"key": "x"},
    "account_reset_password_from_key": {"uidb36": "1", "key": "x"},
    "admin:app_list": {"app_label": "questions"},
    "admin:view_on_site": {"content_type_id": 1, "object_id": 1},
    "worker_api:events": {"run_attempt_id": 1},
    "worker_api:result": {"run_attempt_id": 1},
    "worker_api:release": {"run_attempt_id": 1},
}


def routes(patterns: Any = None, prefix: str = "") -> Iterator[str]:
    """Yield the name of every route except those of the admin."""
    for name, _pattern in _patterns(patterns, prefix):
        yield name


def discussed(owner: User, other: User) -> dict[str, dict[str, Any]]:
    """Have the owner begin a thread, and the first superuser hide a second post of theirs, which
    they appeal. Returns the arguments of routes about discussions, by name.
    """
    boss = User.objects.get(handle="superuser")
    words: dict[str, Any] = {"text": "Why is it so?", "language": "en"}
    thread = discussions.threads.start_thread(
        author=owner, subject=Subject(Thread.About.GENERAL), title="A thread", key="t", **words
    )
    hidden = discussions.posts.reply(author=owner, thread=thread, key="p", **words)
    discussions.flags.flag(flagger=other, post=hidden, reason="spam")
    action = discussions.moderation.hide(moderator=boss, post=hidden, reason="It advertises.")
    discussions.appeals.appeal(person=owner, action=action, text="It does not.")
    post = {"pk": thread.pk, "number": 1}
    return {
        "thread": {"pk": thread.pk},
        "post": post,
        "post-flag": post,
        "moderation-post": post,
        "moderation-thread": {"pk": thread.pk},
        "moderation-person": {"pk": owner.pk},
        "moderation-decision": {"pk": action.appeal.pk},
        "appeal": {"pk": action.pk},
        "action": {"pk": action.pk},
    }


def delivery_of(owner: User) -> Delivery:
    """Have a webhook of the owner's tested; return the delivery, which waits."""
    webhook, _secret = webhooks.create_webhook(
        owner=owner, url="https://hooks.example.org/", events=["run.finished"]
    )
    return webhooks.send_test(webhook=webhook)


class Cast:
    """A run and a thread, and browsers of a visitor, their owner, a stranger and a superuser, who
    has entered their password.
    """

    def __init__(self) -> None:
        mei = User.objects.create_user("mei@example.org", "mei")
        self.run = measured(queued(mei, loaded()))
        services.open_verdict(user=mei, run=self.run)
        make_question(
            "how-long",
            kinds=["numeric"],
            numeric=NUMERIC,
            claims=["dead-relu.lr-kills"],
            labs=["dead-relu"],
        )
        self.card = private_cards.create(owner=mei, text=CardText("A front.", "A back."))
        people = {"owner": mei, "stranger": User.objects.create_user("sam@example.org", "sam")}
        self.browsers = {"visitor": Client(raise_request_exception=False)}
        for role, person in people.items():
            self.browsers[role] = Client(raise_request_exception=False)
            self.browsers[role].force_login(
                person, backend="django.contrib.auth.backends.ModelBackend"
            )
        self.add_staff("superuser", is_superuser=True)
        self.discussed = discussed(mei, people["stranger"])
        self.delivery = delivery_of(mei)

    def add_staff(self, role: str, *groups: Group, is_superuser: bool = False) -> None:
        person = User.objects.create_user(
            f"{role}@example.org", role, is_staff=True, is_superuser=is_superuser
        )
        person.groups.set(groups)
        self.browsers[role] = Client(raise_request_exception=False)
        enter_password(self.browsers[role], person)

    def url(self, name: str) -> str:
        resolved = next(p for p in _patterns() if p[0] == name)[1]
        arguments = ARGUMENTS | API_ARGUMENTS
        taken = arguments.get(name, {"pk": self.run.pk} if "<uuid:pk>" in resolved else {})
        if name not in arguments and name.startswith(("discussions:", "discussions_api:")):
            of_post = {"number": 1} if "<int:number>" in resolved else {}
            of_thread = self.discussed["thread"] | of_post if "<int:pk>" in resolved else {}
            taken = self.discussed.get(name.rpartition(":")[2], of_thread)
        if name.startswith(("progress:private-card", "progress_api:private-card")):
            taken = {"slug": self.card.slug} if "<slug:slug>" in resolved else {}
        if name.startswith(("webhooks:", "webhooks_api:")):
            of_webhook = {"pk": self.delivery.webhook_id} if "<uuid:pk>" in resolved else {}
            taken = of_webhook | ({"of": self.delivery.pk} if "<uuid:of>" in resolved else {})
        return reverse(name, kwargs=taken)


def _patterns(patterns: Any = None, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield name and pattern of every route except those of the admin."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        if isinstance(pattern, URLResolver):
            if pattern.namespace != "admin":
                space = f"{pattern.namespace}:" if pattern.namespace else ""
                yield from _patterns(pattern.url_patterns, prefix + space)
        elif isinstance(pattern, URLPattern):
            assert pattern.name, f"{pattern.pattern} has no name"
            yield prefix + pattern.name, str(pattern.pattern)


def admin_routes(patterns: Any = None) -> Iterator[str]:
    """Yield the name of every route of the admin; what has none leads to one that has."""
    for pattern in admin_site.get_urls() if patterns is None else patterns:
        if isinstance(pattern, URLResolver):
            yield from admin_routes(pattern.url_patterns)
        elif pattern.name:
            yield f"admin:{pattern.name}"


def outcome(answer: Any) -> Any:
    """Return the status; for a redirect to a page to sign in, with where that leads."""
    where = answer.headers.get("Location", "")
    to_sign_in = [page for page in (IN, ADMIN_IN) if where.startswith(page.removeprefix("302 "))]
    return to_sign_in[0] if answer.status_code == 302 and to_sign_in else answer.status_code


@pytest.fixture
def cast(woken_queues: list[str]) -> Cast:
    return Cast()


class StaffCast(Cast):
    """With a browser for every role, and a row of each table of the admin that staff change."""

    def __init__(self) -> None:
        super().__init__()
        restore_roles()
        for role in STAFF[:-1]:
            self.add_staff(role, Group.objects.get(name=role))
        question = Question.objects.get()
        mei = User.objects.get(handle="mei")
        self.rows: dict[Any, Any] = {
            User: mei,
            Group: Group.objects.create(name="helpers"),
            EmailAddress: EmailAddress.objects.create(user=mei, email="mei@example.org"),
            Revision: draft_from(question=question),
            Report: Report.objects.create(
                question=question, revision=question.current, about="fact", text="?", language="en"
            ),
        }
        # signing out takes the cookies away
        self.cookies = {role: browser.cookies.copy() for role, browser in self.browsers.items()}

    def ask(self, role: str, method: str, url: str, body: str | None = None) -> Any:
        """Return the outcome of a request, with JSON if there is a body, and undo what it wrote."""
        options: Any = {} if body is None else {"content_type": "application/json", "data": body}
        if method == "get":
            options = {}
        browser = self.browsers[role]
        browser.cookies = self.cookies[role].copy()
        with transaction.atomic():
            answer = outcome(getattr(browser, method)(url, **options))
            transaction.set_rollback(True)
        return answer

    def row(self, model: type[models.Model]) -> Any:
        return self.rows.get(model) or model._default_manager.first()


@pytest.fixture
def staff_cast(woken_queues: list[str], caplog: pytest.LogCaptureFixture) -> StaffCast:
    # a traceback for each of a thousand refusals takes time
    caplog.set_level(logging.ERROR, logger="django.request")
    return StaffCast()


def test_every_route_is_in_the_table() -> None:
    assert set(routes()) == {*MATRIX, *API, *PUBLIC}
    of_models = {
        f"admin:{label.replace('.', '_')}_{page}" for label in ADMIN for page in MODEL_PAGES
    }
    assert set(admin_routes()) == of_models | set(ADMIN_PAGES)


def test_the_matrix_has_every_role() -> None:
    assert {*TABLE_OF_ROLES, "superuser"} == {"learner", *STAFF}


@pytest.mark.parametrize("method", ["get", "post"])
def test_every_role_gets_the_expected_answer(method: str, staff_cast: StaffCast) -> None:
    wrong = []
    for name, (to_get, to_post) in MATRIX.items():
        url, answers = staff_cast.url(name), to_get if method == "get" else to_post
        of_staff = answers[3:] if len(answers) > 4 else answers[3:] * len(STAFF)
        expected = (*answers[:3], *of_staff)
        for role, answer in zip(ROLES, expected, strict=True):
            # a stream that begins gives its connection back: this test's own
            if (name, method, answer) == ("experiments:run-events", "get", 200):
                continue
            got = staff_cast.ask(role, method, url)
            if got != answer:
                wrong.append(f"{method} {url} by {role}: {got} instead of {answer}")
    assert wrong == []


@pytest.mark.parametrize("method", METHODS)
def test_every_role_gets_the_expected_answer_of_the_api(method: str, staff_cast: StaffCast) -> None:
    wrong = []
    for name, by_method in API.items():
        url, answers = staff_cast.url(name), by_method.get(method)
        of_staff = answers[3:] if answers and len(answers) > 4 else (answers or ())[3:] * len(STAFF)
        expected = (*answers[:3], *of_staff) if answers else (405,) * len(ROLES)
        for role, answer in zip(ROLES, expected, strict=True):
            got = staff_cast.ask(role, method, url, body="{}")
            if got != answer:
                wrong.append(f"{method} {url} by {role}: {got} instead of {answer}")
    assert wrong == []


def test_a_shared_run_is_seen_by_all_and_changed_by_its_owner_alone(
    staff_cast: StaffCast,
) -> None:
    Run.objects.update(shared=True)
    strangers = [role for role in ROLES if role not in ("visitor", "owner")]
    for name in ("run", "run-panel", "run-points", "run-csv"):
        # points would give the verdict away, which its owner alone has opened
        hidden = 403 if name in ("run-points", "run-csv") else 200
        url = staff_cast.url(f"experiments:{name}")
        answers = {role: staff_cast.ask(role, "get", url) for role in ROLES}
        assert answers == dict.fromkeys(ROLES, hidden) | {"owner": 200}
    for name, done in (("run-stop", 302), ("run-visibility", 400)):
        url = staff_cast.url(f"experiments:{name}")
        answers = {role: staff_cast.ask(role, "post", url) for role in ROLES}
        assert answers == {"visitor": IN, "owner": done} | dict.fromkeys(strangers, 404)


APPS = sorted({label.partition(".")[0] for label in ADMIN})


@pytest.mark.parametrize("app", APPS)
def test_every_role_gets_the_expected_answer_of_the_admin(app: str, staff_cast: StaffCast) -> None:
    """What is permitted may be answered as Django likes, for an empty form; what is not is 403."""
    recorded(loaded())
    tables = [model for model in admin_site._registry if model._meta.app_label == app]
    wrong = []
    for model, page in itertools.product(tables, MODEL_PAGES):
        row, pages = staff_cast.row(model), ADMIN[model._meta.label_lower]
        args = [] if page in ("changelist", "add") else [quote_pk(row.pk) if row else "999999"]
        name = f"admin:{app}_{model._meta.model_name}_{page}"
        for role, method in pages.questions(page):
            is_permitted = pages.permits(page, method, role)
            expected = [200, 302, 400, 409] if is_permitted else [403]
            if role not in STAFF:
                expected = [ADMIN_IN]
            elif page == "history" and row is None:
                expected = [302]  # says that there is no such row, before it asks for permissions
            got = staff_cast.ask(role, method, reverse(name, args=args))
            if got not in expected:
                wrong.append(f"{method} {name} by {role}: {got} instead of {expected}")
    assert wrong == []


def test_every_role_gets_the_expected_answer_of_the_admins_own_pages(
    staff_cast: StaffCast,
) -> None:
    draft = "?app_label=questions&model_name=revision&field_name=question&term=h"
    arguments = ARGUMENTS | {
        "admin:auth_user_password_change": {"id": staff_cast.row(User).pk},
        "admin:experiments_worker_revoke": {"pk": staff_cast.row(Worker).pk},
    }
    wrong = []
    for name, (to_get, to_post) in ADMIN_PAGES.items():
        url = reverse(name, kwargs=arguments.get(name, {}))
        url += draft if name == "admin:autocomplete" else ""
        for method, answers in (("get", to_get), ("post", to_post)):
            expected = (*answers[:2], *answers[1:])  # both learners
            for role, answer in zip(ROLES, expected, strict=True):
                got = staff_cast.ask(role, method, url)
                if got != answer:
                    wrong.append(f"{method} {url} by {role}: {got} instead of {answer}")
    assert wrong == []

"""What the audit log tells: for each kind of event a request that causes it, and the row that is
there afterwards.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group, Permission
from django.core import mail
from django.core.management import call_command
from django.test import Client, override_settings

from apps.accounts.models import Invitation, User
from apps.api.scopes import Scope
from apps.api.services import make_token
from apps.archives.housekeeping import make_archives
from apps.archives.models import Import
from apps.archives.services import exports
from apps.audit.kinds import Kind
from apps.audit.models import AuditEvent
from apps.audit.presenters import details
from apps.discussions import services as discussions
from apps.discussions.models import Appeal, ModerationAction, Post, Thread
from apps.discussions.subjects import Subject
from apps.experiments.models import Run, Worker
from apps.experiments.services import make_worker
from apps.questions import services as bank
from apps.questions.models import Bank, Question, Report
from apps.webhooks import services as webhooks
from apps.webhooks.deliveries import deliver_due
from apps.webhooks.models import Webhook
from tests.accounts.conftest import OTHER, PASSWORD, link_in
from tests.accounts.identity_provider import provider_server, there
from tests.accounts.soft_passkey import SoftPasskey
from tests.accounts.test_second_factors import set_up
from tests.common.editing import edit, send
from tests.common.reauthenticating import enter_password
from tests.experiments.conftest import LABS
from tests.experiments.pages_cast import loaded, queued
from tests.experiments.simulated_worker import LEASE_REQUEST
from tests.progress.conftest import make_question
from workers import wire

pytestmark = [
    pytest.mark.attack,
    pytest.mark.django_db,
    pytest.mark.usefixtures("woken_queues"),
]
MEI = {"login": "mei@example.org", "password": PASSWORD}
WRONG = MEI | {"password": "not the password"}
PLACE = {"REMOTE_ADDR": "203.0.113.77", "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux) Firefox/140.0"}
PEOPLE, ROLES = "/admin/accounts/user/", "/admin/auth/group/"


class Scene:
    """Mei, an operator who is signed in, and whatever else there is to act on."""

    invitation: int | None = None

    def __init__(self) -> None:
        self.mei = User.objects.create_user("mei@example.org", "Mei", PASSWORD)
        self.boss = User.objects.create_superuser("boss@example.org", "boss", PASSWORD)
        self.stranger = Client(**PLACE)
        self.operator, self.member = self.browser(self.boss), self.browser(self.mei)
        self.role = Group.objects.create(name="night shift")

    def browser(self, user: User) -> Client:
        client = Client(**PLACE)
        enter_password(client, user)
        return client

    def sign_in(self, form: Any, times: int = 1) -> None:
        for _ in range(times):
            self.stranger.post("/accounts/login/", form)

    def sign_up(self) -> None:
        form = {"email": "sam@example.org", "username": "Sam", "password1": OTHER}
        self.stranger.post("/accounts/signup/", form)

    def change(self, url: str, **fields: Any) -> None:
        answer = edit(self.operator, url, **fields)
        assert answer.status_code == 302, answer.context["errors"]

    def act(self, url: str, action: str, pk: Any) -> None:
        form = {"action": action, "_selected_action": [pk], "post": "yes"}
        assert self.operator.post(url, form).status_code in (200, 302)

    def lease(self, token: str) -> None:
        self.stranger.post(
            f"{wire.PREFIX}/lease",
            LEASE_REQUEST | {"labs": LABS},
            content_type="application/json",
            headers={"Authorization": f"Worker {token}"},
        )


def decide_on_program(scene: Scene, action: str) -> None:
    asked = scene.stranger.post(
        "/api/v1/device", {"name": "laptop", "scopes": ["read"]}, content_type="application/json"
    )
    form = {"code": asked.json()["user_code"], "action": action}
    assert scene.member.post("/device/decide", form).status_code == 200


def revoke_token(scene: Scene) -> None:
    row, token = make_token(user=scene.mei, name="laptop", scopes=[Scope.READ], days=7)
    headers = {"Authorization": f"Bearer {token}"}
    assert scene.stranger.delete(f"/api/v1/tokens/{row.public_id}", headers=headers)


def inactive(scene: Scene) -> None:
    User.objects.filter(pk=scene.mei.pk).update(is_active=False)
    scene.sign_in(MEI)


def operator_link(scene: Scene) -> str:
    out = io.StringIO()
    call_command("make_operator", "--again", stdout=out)
    return "/operator/" + out.getvalue().strip().partition("/operator/")[2]


def confirm(scene: Scene) -> None:
    with override_settings(ACCOUNT_EMAIL_VERIFICATION="mandatory"):
        scene.sign_up()
        scene.stranger.post(link_in(mail.outbox[-1]))


def verify(scene: Scene) -> None:
    address = EmailAddress.objects.create(user=scene.mei, email="mei@example.org")
    scene.act("/admin/account/emailaddress/", "make_verified", address.pk)


def reset(scene: Scene) -> None:
    scene.stranger.post("/accounts/password/reset/", {"email": "mei@example.org"})
    page = scene.stranger.get(link_in(mail.outbox[-1]))
    scene.stranger.post(page["Location"], {"password1": OTHER})


def change_password(scene: Scene) -> None:
    form = {"oldpassword": PASSWORD, "password1": OTHER}
    scene.member.post("/accounts/password/change/", form)


def set_up_app(scene: Scene) -> tuple[str, list[str]]:
    return set_up(scene.member)


def remove_app(scene: Scene) -> None:
    set_up_app(scene)
    pk = Authenticator.objects.get(type="totp").pk
    scene.member.post(f"/settings/sign-in/{pk}/remove")


def two_steps(scene: Scene, code: str = "") -> None:
    """Sign in with a code: a recovery code, if none is given."""
    _secret, codes = set_up_app(scene)
    scene.sign_in(MEI)
    scene.stranger.post("/accounts/login/second-step/", {"code": code or codes[0]})


def add_passkey(scene: Scene) -> SoftPasskey:
    passkey = SoftPasskey()
    assert passkey.add(scene.member).status_code == 200
    return passkey


def remove_passkey(scene: Scene) -> None:
    add_passkey(scene)
    pk = Authenticator.objects.get(type="webauthn").pk
    scene.member.post(f"/settings/sign-in/{pk}/remove")


def lost_factors(scene: Scene) -> None:
    set_up_app(scene)
    scene.act(PEOPLE, "remove_second_factors", scene.mei.pk)


def invite(scene: Scene) -> str:
    """Have the operator invite Sam; return the path of the link."""
    page = scene.operator.post("/admin/accounts/invitation/add/", {"email": "sam@example.org"})
    assert page.status_code == 200
    scene.invitation = Invitation.objects.get().pk
    return link_in(mail.outbox[-1])


def withdraw_invitation(scene: Scene) -> None:
    invite(scene)
    path = f"/admin/accounts/invitation/{scene.invitation}/delete/"
    assert scene.operator.post(path, {"post": "yes"}).status_code == 302


def use_invitation(scene: Scene) -> None:
    token = invite(scene).partition("invitation=")[2]
    form = {"email": "sam@example.org", "username": "Sam", "password1": OTHER}
    with override_settings(SIGNUP="invitation"):
        scene.stranger.post("/accounts/signup/", form | {"invitation": token})


def ask_for_address(scene: Scene) -> None:
    form = {"email": "may@example.org", "password": PASSWORD}
    with override_settings(EMAIL_URL="smtp://mail.example"):
        scene.member.post("/settings/email", form)


def stop_address(scene: Scene) -> None:
    ask_for_address(scene)
    scene.member.post("/settings/email", {"action": "stop"})


def ask_for_deletion(scene: Scene) -> None:
    scene.member.post("/settings/delete", {"password": PASSWORD})


def keep_account(scene: Scene) -> None:
    ask_for_deletion(scene)
    scene.member.post("/settings/keep")


def set_by_operator(scene: Scene) -> None:
    form = {"usable_password": "true", "password1": OTHER, "password2": OTHER}
    scene.operator.post(f"{PEOPLE}{scene.mei.pk}/password/", form | {"set-password": "1"})


def rights(scene: Scene) -> None:
    scene.change(f"{PEOPLE}{scene.mei.pk}/change/", is_staff="on", groups=[str(scene.role.pk)])


def role(scene: Scene) -> None:
    publish = Permission.objects.get(codename="publish_revision")
    scene.change(f"{ROLES}{scene.role.pk}/change/", permissions=[str(publish.pk)])


def publish(scene: Scene) -> None:
    draft = bank.draft_from(question=make_question("why-relu"))
    scene.act("/admin/questions/revision/", "publish", draft.pk)


def withdraw(scene: Scene) -> None:
    question = make_question("why-relu")
    scene.change(f"/admin/questions/question/{question.pk}/change/", withdrawn="on")


def hide_bank(scene: Scene) -> None:
    make_question("why-relu")
    scene.change(f"/admin/questions/bank/{Bank.objects.get().pk}/change/", public=[])


def decide(scene: Scene) -> None:
    question: Question = make_question("why-relu")
    assert question.current is not None
    report = bank.report_mistake(
        reporter=scene.mei,
        revision=question.current,
        about="fact",
        text="No.",
        language="en",
        key="k",
    )
    scene.change(f"/admin/questions/report/{report.pk}/change/", state=Report.State.FIXED)


def revoke(scene: Scene) -> None:
    make_worker(name="big", queues=["labs"])
    scene.act("/admin/experiments/worker/", "revoke", Worker.objects.get().pk)


def stop(scene: Scene) -> None:
    run = queued(scene.mei, loaded())
    scene.act("/admin/experiments/run/", "stop", run.pk)


def posted(scene: Scene, *, is_held: bool = False) -> Post:
    """Have Mei begin a thread; an operator who looks after threads acts on it."""
    with override_settings(POSTS_NEED_APPROVAL=is_held):
        thread = discussions.threads.start_thread(
            author=scene.mei,
            subject=Subject(Thread.About.GENERAL),
            title="A thread of Mei's",
            text="Why is it so?",
            language="en",
            key="k",
        )
    return thread.posts.get()


def moderate(scene: Scene, *actions: str, is_held: bool = False, flagged: bool = False) -> None:
    """Have the operator do something with a post of Mei's, its thread, or her."""
    post = posted(scene, is_held=is_held)
    if flagged:
        discussions.flags.flag(flagger=scene.boss, post=post, reason="spam")
    for action in actions:
        if action in ("mute", "unmute"):
            path, form = f"people/{scene.mei.pk}", {"days": "7"}
        elif action in ("lock", "unlock", "move"):
            path, form = f"threads/{post.thread_id}", {"subject": "claim:dead-relu.lr-kills"}
        else:
            path, form = f"threads/{post.thread_id}/posts/1", {}
        words = {"action": action, "words": "Because I say so."}
        answer = scene.operator.post(f"/moderation/{path}", form | words)
        assert answer.status_code == 302


def move(scene: Scene) -> None:
    loaded()
    moderate(scene, "move")


def download(scene: Scene) -> None:
    """Have Mei download an archive that is ready."""
    with TemporaryDirectory() as folder, override_settings(EXPORT_ROOT=folder):
        export = exports.order(owner=scene.mei)
        make_archives()
        path = f"/settings/data/{export.key}/download"
        assert scene.member.post(path).status_code == 200


def take_data(scene: Scene) -> None:
    """Have Mei agree to a dry run."""
    state = {"state": Import.State.READY, "next_attempt_at": None}
    upload = Import.objects.create(owner=scene.mei, name="deck.apkg", size_bytes=1, **state)
    scene.member.post(f"/settings/data/import/{upload.key}/confirm")


def decide_appeal(scene: Scene) -> None:
    moderate(scene, "hide")
    action = ModerationAction.objects.get()
    scene.member.post(f"/appeals/{action.pk}", {"text": "Not so."})
    form = {"outcome": "upheld", "words": "It stands."}
    scene.operator.post(f"/moderation/appeals/{Appeal.objects.get().pk}", form)


def add_webhook(scene: Scene) -> Webhook:
    form = {"url": "https://hooks.example.org/token-wjqx", "events": ["run.finished"]}
    assert scene.member.post("/settings/webhooks/new", form).status_code == 200
    return Webhook.objects.get()


def of_webhook(scene: Scene, action: str, **form: Any) -> None:
    webhook = add_webhook(scene)
    scene.member.post(f"/settings/webhooks/{webhook.pk}/{action}", form)


def change_webhook(scene: Scene) -> None:
    of_webhook(scene, "edit", url="https://hooks.example.org/", events=["cards.due"])


def disable_webhook(scene: Scene) -> None:
    """Have housekeep do so: a secret that the site's key cannot read any more."""
    webhook = add_webhook(scene)
    webhooks.send_test(webhook=webhook)
    with override_settings(SECRET_KEY="another key"):
        deliver_due(seconds=5)


def by_provider(scene: Scene, browser: str, path: str) -> Any:
    """Have a browser go to GitHub, which a small server is, and come back."""
    with (
        provider_server() as server,
        override_settings(SOCIALACCOUNT_PROVIDERS=server.providers()),
    ):
        client: Client = getattr(scene, browser)
        return client.get(there(client.post(path)["Location"]))


def connect_provider(scene: Scene) -> SocialAccount:
    by_provider(scene, "member", "/settings/sign-in/with/github")
    return SocialAccount.objects.get()


def disconnect_provider(scene: Scene) -> None:
    pk = connect_provider(scene).pk
    scene.member.post(f"/settings/sign-in/accounts/{pk}/remove")


def sign_in_with_provider(scene: Scene) -> None:
    connect_provider(scene)
    by_provider(scene, "stranger", "/accounts/login/with/github/")


# kind: what causes it, whom it concerns, who did it, and what is told
CAUSES: dict[Kind, tuple[Callable[..., Any], str, str, str]] = {
    Kind.SIGNED_IN: (lambda scene: scene.sign_in(MEI), "Mei", "Mei", ""),
    Kind.SIGNED_IN_NEW: (Scene.sign_up, "Sam", "Sam", ""),
    Kind.SIGNED_IN_CONFIRMED: (confirm, "Sam", "Sam", ""),
    Kind.SIGNED_IN_TWO_STEPS: (two_steps, "Mei", "Mei", ""),
    Kind.SIGNED_IN_PASSKEY: (
        lambda scene: add_passkey(scene).sign_in(scene.stranger),
        "Mei",
        "Mei",
        "",
    ),
    Kind.SIGNED_IN_PROVIDER: (sign_in_with_provider, "Mei", "Mei", ""),
    Kind.PROVIDER_CONNECTED: (connect_provider, "Mei", "Mei", "GitHub; name: mei-l"),
    Kind.PROVIDER_DISCONNECTED: (disconnect_provider, "Mei", "Mei", "GitHub; name: mei-l"),
    Kind.SIGNED_OUT: (lambda scene: scene.member.post("/accounts/logout/"), "Mei", "Mei", ""),
    Kind.SESSIONS_ENDED: (
        lambda scene: scene.act(PEOPLE, "sign_out", scene.mei.pk),
        "Mei",
        "boss",
        "",
    ),
    Kind.SIGN_IN_FAILED: (lambda scene: scene.sign_in(WRONG), "Mei", "", ""),
    Kind.SECOND_STEP_FAILED: (lambda scene: two_steps(scene, "000000"), "Mei", "", ""),
    Kind.SIGN_IN_REFUSED: (lambda scene: scene.sign_in(WRONG, 6), "Mei", "", ""),
    Kind.SIGN_IN_INACTIVE: (inactive, "Mei", "", ""),
    Kind.OPERATOR_LINK_MADE: (operator_link, "boss", "", ""),
    Kind.OPERATOR_LINK_USED: (
        lambda scene: scene.stranger.post(operator_link(scene)),
        "boss",
        "boss",
        "",
    ),
    Kind.INVITATION_MADE: (invite, "", "boss", "{invitation}"),
    Kind.INVITATION_WITHDRAWN: (withdraw_invitation, "", "boss", "{invitation}"),
    Kind.INVITATION_USED: (use_invitation, "Sam", "", "{invitation}"),
    Kind.ACCOUNT_CREATED: (Scene.sign_up, "Sam", "", ""),
    Kind.DELETION_ASKED: (ask_for_deletion, "Mei", "Mei", ""),
    Kind.DELETION_REVOKED: (keep_account, "Mei", "Mei", ""),
    Kind.ACCOUNT_DELETED: (
        lambda scene: send(scene.operator, f"{PEOPLE}{scene.mei.pk}/delete/", {"post": "yes"}),
        "",
        "boss",
        "{mei}",
    ),
    Kind.ADDRESS_CONFIRMED: (confirm, "Sam", "", ""),
    Kind.ADDRESS_CHANGE_ASKED: (ask_for_address, "Mei", "Mei", "to: may@example.org"),
    Kind.ADDRESS_CHANGE_STOPPED: (stop_address, "Mei", "Mei", ""),
    Kind.ADDRESS_CHANGED: (
        lambda scene: scene.change(f"{PEOPLE}{scene.mei.pk}/change/", email="May@example.org"),
        "Mei",
        "boss",
        "e-mail: mei@example.org → May@example.org",
    ),
    Kind.PASSWORD_CHANGED: (change_password, "Mei", "Mei", ""),
    Kind.PASSWORD_RESET: (reset, "Mei", "", ""),
    Kind.PASSWORD_RESET_ASKED: (reset, "Mei", "", ""),
    Kind.TOTP_ADDED: (set_up_app, "Mei", "Mei", ""),
    Kind.TOTP_REMOVED: (remove_app, "Mei", "Mei", ""),
    Kind.PASSKEY_ADDED: (add_passkey, "Mei", "Mei", "name: My phone"),
    Kind.PASSKEY_REMOVED: (remove_passkey, "Mei", "Mei", "name: My phone"),
    Kind.RECOVERY_CODES_MADE: (set_up_app, "Mei", "Mei", ""),
    Kind.RECOVERY_CODE_USED: (two_steps, "Mei", "", ""),
    Kind.SECOND_FACTORS_REMOVED: (lost_factors, "Mei", "boss", ""),
    Kind.RIGHTS_CHANGED: (
        rights,
        "Mei",
        "boss",
        "can use the admin: no → yes; roles: none → night shift",
    ),
    Kind.ROLE_CHANGED: (
        role,
        "",
        "boss",
        "night shift; permissions: none → questions.publish_revision",
    ),
    Kind.ROLE_DELETED: (
        lambda scene: send(scene.operator, f"{ROLES}{scene.role.pk}/delete/", {"post": "yes"}),
        "",
        "boss",
        "night shift; name: night shift; permissions: none",
    ),
    Kind.ADMIN_REFUSED: (lambda scene: scene.member.get(PEOPLE, follow=True), "Mei", "Mei", PEOPLE),
    Kind.WORKER_TOKEN_ISSUED: (
        lambda scene: scene.operator.post(
            "/admin/experiments/worker/add/", {"name": "big", "queues": ["labs"]}
        ),
        "",
        "boss",
        "big; queues: labs",
    ),
    Kind.WORKER_REVOKED: (revoke, "", "boss", "big"),
    Kind.WORKER_TOKEN_USED: (
        lambda scene: scene.lease(make_worker(name="big", queues=["labs"])),
        "",
        "",
        "big",
    ),
    Kind.WORKER_TOKEN_REFUSED: (lambda scene: scene.lease("guessed"), "", "", ""),
    Kind.API_TOKEN_MADE: (
        lambda scene: scene.member.post(
            "/settings/tokens/new", {"name": "laptop", "scopes": ["read"], "days": "7"}
        ),
        "Mei",
        "Mei",
        "scopes: read; name: laptop",
    ),
    Kind.API_TOKEN_REVOKED: (
        revoke_token,
        "Mei",
        "Mei",
        "name: laptop",
    ),
    Kind.API_TOKEN_REFUSED: (
        lambda scene: scene.stranger.get("/api/v1/me", headers={"Authorization": "Bearer no"}),
        "",
        "",
        "",
    ),
    Kind.DEVICE_APPROVED: (
        lambda scene: decide_on_program(scene, "approve"),
        "Mei",
        "Mei",
        "scopes: read; name: laptop; program_network: 203.0.113.0/24",
    ),
    Kind.DEVICE_DENIED: (
        lambda scene: decide_on_program(scene, "deny"),
        "Mei",
        "Mei",
        "scopes: read; name: laptop; program_network: 203.0.113.0/24",
    ),
    Kind.REVISION_PUBLISHED: (publish, "", "boss", "why-relu r2"),
    Kind.QUESTION_CHANGED: (withdraw, "", "boss", "why-relu; withdrawn: no → yes"),
    Kind.BANK_CHANGED: (hide_bank, "", "boss", "gradus; public: yes → no"),
    Kind.REPORT_DECIDED: (decide, "", "boss", "why-relu; state: open → fixed"),
    Kind.RUN_STOPPED: (stop, "Mei", "boss", "{run}"),
    Kind.POST_HIDDEN: (lambda scene: moderate(scene, "hide"), "Mei", "boss", "{thread}.1"),
    Kind.POST_RESTORED: (
        lambda scene: moderate(scene, "hide", "restore"),
        "Mei",
        "boss",
        "{thread}.1",
    ),
    Kind.POST_APPROVED: (
        lambda scene: moderate(scene, "approve", is_held=True),
        "Mei",
        "boss",
        "{thread}.1",
    ),
    Kind.POST_REJECTED: (
        lambda scene: moderate(scene, "reject", is_held=True),
        "Mei",
        "boss",
        "{thread}.1",
    ),
    Kind.FLAGS_DISMISSED: (
        lambda scene: moderate(scene, "dismiss", flagged=True),
        "",
        "boss",
        "{thread}.1",
    ),
    Kind.THREAD_LOCKED: (lambda scene: moderate(scene, "lock"), "Mei", "boss", "{thread}"),
    Kind.THREAD_UNLOCKED: (
        lambda scene: moderate(scene, "lock", "unlock"),
        "Mei",
        "boss",
        "{thread}",
    ),
    Kind.THREAD_MOVED: (
        move,
        "Mei",
        "boss",
        "{thread}; to: claim:dead-relu.lr-kills; from: general",
    ),
    Kind.PERSON_MUTED: (lambda scene: moderate(scene, "mute"), "Mei", "boss", "until: {until}"),
    Kind.PERSON_UNMUTED: (lambda scene: moderate(scene, "mute", "unmute"), "Mei", "boss", ""),
    Kind.APPEAL_DECIDED: (decide_appeal, "Mei", "boss", "{thread}.1; state: upheld"),
    Kind.WEBHOOK_CREATED: (
        add_webhook,
        "Mei",
        "Mei",
        "host: hooks.example.org; events: run.finished",
    ),
    Kind.WEBHOOK_CHANGED: (change_webhook, "Mei", "Mei", "events: run.finished → cards.due"),
    Kind.WEBHOOK_SECRET_CHANGED: (
        lambda scene: of_webhook(scene, "secret", number="1"),
        "Mei",
        "Mei",
        "host: hooks.example.org",
    ),
    Kind.WEBHOOK_DISABLED: (
        disable_webhook,
        "Mei",
        "",
        "reason: secret; host: hooks.example.org",
    ),
    Kind.WEBHOOK_DELETED: (
        lambda scene: of_webhook(scene, "delete"),
        "Mei",
        "Mei",
        "host: hooks.example.org",
    ),
    Kind.ARCHIVE_ORDERED: (
        lambda scene: scene.member.post("/settings/data/make"),
        "Mei",
        "Mei",
        "",
    ),
    Kind.ARCHIVE_DOWNLOADED: (download, "Mei", "Mei", ""),
    Kind.DATA_IMPORTED: (take_data, "Mei", "Mei", ""),
}
# other ways to the same events
MORE: list[tuple[Kind, Callable[..., Any], str, str, str]] = [
    (Kind.PASSWORD_CHANGED, set_by_operator, "Mei", "boss", ""),
    (Kind.ADDRESS_CONFIRMED, verify, "Mei", "boss", ""),
    (
        Kind.SIGN_IN_FAILED,
        lambda scene: scene.sign_in({"login": "hunter2@example.org", "password": "x"}),
        "",
        "",
        "",
    ),
]
CASES = [(kind, *case) for kind, case in CAUSES.items()] + MORE
# on the command line nobody is signed in anywhere
COMMANDS = {Kind.OPERATOR_LINK_MADE, Kind.WEBHOOK_DISABLED}


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_every_kind_of_event_is_caused_here() -> None:
    assert set(CAUSES) == set(Kind)


@pytest.mark.parametrize(
    ("kind", "cause", "person", "actor", "told"), CASES, ids=[case[0].value for case in CASES]
)
def test_a_request_is_recorded(
    scene: Scene, kind: Kind, cause: Callable[..., Any], person: str, actor: str, told: str
) -> None:
    before = AuditEvent.objects.filter(kind=kind).count()
    mei = scene.mei.pk
    cause(scene)
    event, *others = AuditEvent.objects.filter(kind=kind).order_by("pk")[before:]
    assert others == []
    run = Run.objects.values_list("pk", flat=True).first()
    assert [str(event.person or ""), str(event.actor or "")] == [person, actor]
    thread = Thread.objects.values_list("pk", flat=True).first()
    until = event.details.get("until")
    values = {
        "mei": mei,
        "run": run,
        "thread": thread,
        "until": until,
        "invitation": scene.invitation,
    }
    assert "; ".join(details(event)) == told.format(**values)
    is_command = kind in COMMANDS
    assert event.network == ("" if is_command else "203.0.113.0/24")
    assert event.agent == ("" if is_command else PLACE["HTTP_USER_AGENT"])
    rows = str(list(AuditEvent.objects.values()))
    for secret in (PASSWORD, OTHER, WRONG["password"], "hunter2", "guessed", "argon2", "wjqx"):
        assert secret not in rows
    assert "203.0.113.77" not in rows

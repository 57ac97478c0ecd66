"""Text that would be a script, a formula or a header, in every field of every form and from a
worker: wherever it is shown it is text.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest
from django.contrib import admin
from django.db import models
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.common import write_limits
from apps.experiments import services, worker_services
from apps.experiments.models import Worker
from apps.questions.models import Question, Report
from tests.contracts.test_hostile_requests import GOOD, STREAMS, percent
from tests.contracts.test_routes import MATRIX, MODEL_PAGES, Cast
from tests.experiments.conftest import event, finish, report
from tests.experiments.pages_cast import queued, verdict
from workers import wire

pytestmark = [
    pytest.mark.attack,
    pytest.mark.django_db,
    pytest.mark.usefixtures("woken_queues"),
]
# ends a text in quotes, an attribute, a script, a comment and a textarea
CANARY = "k4n\"'></script></textarea></title>--><img src=x onerror=alert(1)>\u2028{{7*7}}"
SHORT = "k4n\"'><img src=x onerror=a()>"  # where little is stored
FORMULA = "=k4n(1)+cmd|' /C calc'!A1"
ATTACKING = re.compile(r"on\w+$")
OURS = re.compile(r"^(?!\s*(?:javascript|vbscript|data:text))", re.IGNORECASE)


class Scanner(HTMLParser):
    """Collects what of a page a browser would run that came from a canary."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.script: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.script = "" if tag == "script" else None
        for name, value in attrs:
            if ATTACKING.match(name) or "k4n" in name or '"' in name:
                self.found.append(f"<{tag} {name}>")
            if name in ("href", "src", "action", "formaction", "xlink:href", "data") and (
                not OURS.match(value or "")
            ):
                self.found.append(f"<{tag} {name}={value}>")

    def handle_data(self, data: str) -> None:
        if self.script is not None and re.search("</|<!--", data):
            self.found.append(f"<script>{data[:60]}")


def found_in(answer: Any) -> list[str]:
    """Return what is wrong with an answer, whatever its type is."""
    if answer.streaming or "Content-Type" not in answer:
        return []
    kind, text = answer["Content-Type"].partition(";")[0], answer.content.decode()
    if kind == "text/html":
        scanner = Scanner()
        scanner.feed(text)
        raw = ["<img"] if "<img src=x" in text else []
        return [*scanner.found, *raw]
    if kind == "text/csv":
        return [
            cell
            for row in csv.reader(io.StringIO(text))
            for cell in row
            if cell.lstrip().startswith(("=", "@", "\t", "\r")) or cell.startswith(("+k", "-k"))
        ]
    if kind == "application/xml":  # the sitemap: what is no XML would raise
        ElementTree.fromstring(text)
        return []
    assert kind in ("application/json", "application/problem+json", "text/plain"), kind
    assert answer["X-Content-Type-Options"] == "nosniff"
    return []


class Readers:
    """The cast, who read every page; `seen` is how many of them showed a canary."""

    def __init__(self) -> None:
        self.cast = Cast()
        self.faults: list[str] = []
        self.seen = 0

    def judge(self, answer: Any, what: str) -> None:
        self.seen += not answer.streaming and b"k4n" in answer.content
        self.faults += [f"{what}: {fault}" for fault in found_in(answer)]

    def read_all(self) -> None:
        """Read every page as a visitor and as its owner, plain and as a fragment."""
        for name in sorted(set(MATRIX) - STREAMS):
            url = self.cast.url(name)
            self.judge(self.cast.browsers["visitor"].get(url), f"visitor reads {url}")
            for headers in ({}, {"hx-request": "true"}):
                answer = self.cast.browsers["owner"].get(url + "?reveal=1", headers=headers)
                self.judge(answer, f"owner reads {url}")

    def read_admin(self, *apps: str) -> None:
        for model in admin.site._registry:
            for url in admin_urls(model) if model._meta.app_label in apps else ():
                self.judge(self.cast.browsers["superuser"].get(url), f"a superuser reads {url}")


def admin_urls(model: type[models.Model]) -> Iterator[str]:
    """Yield the admin's pages of a table, and of one of its rows if there is one."""
    row = model._default_manager.first()
    for page in MODEL_PAGES:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"
        if page in ("changelist", "add"):
            yield reverse(name)
        elif row is not None:
            yield reverse(name, args=[row.pk])


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Readers]:
    monkeypatch.setattr(write_limits, "count_write", lambda **write: None)
    readers = Readers()
    yield readers
    assert not readers.faults, "\n".join(dict.fromkeys(readers.faults))


def fill(readers: Readers, canary: str) -> None:
    """Send every form of the site to itself, with the canary in each field that takes text."""
    owner: Client = readers.cast.browsers["owner"]
    texts = dict.fromkeys(("text", "note", "own", "sketch-relu 1", "topic", "words"), canary)
    for name in sorted(MATRIX):
        if MATRIX[name][1] == (405,) * 4 or name.startswith("account_logout"):
            continue
        url = readers.cast.url(name)
        everything = dict.fromkeys([*GOOD, *texts, "next", "back", "login", "password1"], canary)
        for role, form in (
            ("owner", {**GOOD, **texts}),
            ("owner", everything),
            ("visitor", everything),
        ):
            answer = readers.cast.browsers[role].post(url, form)
            readers.judge(answer, f"{role} sends to {url}")
    for part in ("1", "written"):
        owner.post("/questions/how-long/check", {"part": part, "text": canary})


def test_what_people_write_is_text_on_every_page(readers: Readers) -> None:
    fill(readers, CANARY)
    User.objects.filter(handle="mei").update(handle=SHORT, email=f'"{SHORT}"@example.org')
    assert Report.objects.filter(text__contains="k4n").exists()
    before = readers.seen
    readers.read_all()
    assert readers.seen > before + 10
    before = readers.seen
    readers.read_admin("accounts", "account", "progress", "questions")
    assert readers.seen > before + 3


def test_what_an_address_says_is_text_on_the_page(readers: Readers) -> None:
    names = ("words", "topic", "page", "kind", "next", "back", "from", "series", "config-depth")
    for name in sorted(set(MATRIX) - STREAMS):
        url = readers.cast.url(name)
        query = "&".join(f"{field}={percent(CANARY)}" for field in (*names, "verdict", "at"))
        for headers in ({}, {"referer": f"http://testserver/{CANARY.splitlines()[0]}"}):
            answer = readers.cast.browsers["owner"].get(f"{url}?{query}", headers=headers)
            readers.judge(answer, f"reads {url}")
    for path in ("/", "/labs/", "/questions/", "/topics/", "/runs/", "/operator/", "/admin/"):
        for role in ("visitor", "superuser"):
            answer = readers.cast.browsers[role].get(path + percent(CANARY))
            readers.judge(answer, f"{role} reads {path}…")


def run_of_a_hostile_worker(readers: Readers, canary: str, state: str) -> Any:
    """Have a run measured by a worker that writes a canary wherever it may write text."""
    owner = readers.cast.run.owner
    run = queued(owner, readers.cast.run.version.lab, f"{state} {canary[:5]}")
    services.make_worker(name=canary[:50], queues=["labs", "bench"])
    worker = Worker.objects.get(name=canary[:50])
    device = wire.Device(kind="cpu", name=canary[:60], cores=2)
    request = wire.LeaseRequest(
        queues=["labs"],
        slots=1,
        all_slots=1,
        device=device,
        labs={canary[:60]: "a" * 64, run.version.lab_id: run.version.code_hash},
        engine=1,
        versions={canary[:30]: canary[:60]},
    )
    worker_services.record_contact(worker, request, None)
    lease = worker_services.lease_run(
        worker=worker,
        queues=["labs"],
        labs={run.version.lab_id: run.version.code_hash},
    )
    assert lease is not None and lease.run == run
    names = [*run.version.words["series"], canary[:60]]
    report(
        lease,
        *(event(0.1, arm=arm, series=name) for arm in ("relu 1", canary[:60]) for name in names),
        points_done=1,
        points_expected=2,
    )
    part = wire.Part(name=canary[:60], outcome="holds", effect=0.6)
    finish(
        lease,
        state,
        verdicts=[verdict(parts=[part])] if state == "succeeded" else [],
        error=canary if state == "failed" else "",
        device=device,
        versions={canary[:30]: canary[:60]},
        summary={canary[:30]: canary, "list": [canary]},
    )
    services.open_verdict(user=owner, run=run)
    return run


@pytest.mark.parametrize(
    ("canary", "state"),
    [
        pytest.param(CANARY, "succeeded", id="script"),
        pytest.param(FORMULA, "failed", id="formula, failed"),
        pytest.param(CANARY, "failed", id="script, failed", marks=pytest.mark.slow),
        pytest.param(FORMULA, "succeeded", id="formula", marks=pytest.mark.slow),
    ],
)
def test_what_a_worker_writes_is_text_on_every_page_and_in_every_file(
    readers: Readers, canary: str, state: str
) -> None:
    run = run_of_a_hostile_worker(readers, canary, state)
    owner = readers.cast.browsers["owner"]
    paths = ["", "/panel", "/points", "/points.csv", *(["/questions"] * (state == "succeeded"))]
    for path in paths:
        for headers in ({}, {"hx-request": "true"}):
            answer = owner.get(f"/runs/{run.pk}{path}", headers=headers)
            assert answer.status_code == 200
            readers.judge(answer, path)
    for path in ("/runs", "/claims", "/labs/dead-relu", "/"):
        readers.judge(owner.get(path), path)
    assert readers.seen > 3
    before = readers.seen
    readers.read_admin("experiments")
    for model in ("run", "runattempt", "worker", "verdict", "batch"):
        name = f"admin:experiments_{model}_changelist"
        readers.judge(readers.cast.browsers["superuser"].get(reverse(name)), name)
    staff = readers.cast.browsers["superuser"]
    readers.judge(staff.get(f"/admin/experiments/run/{run.pk}/change/"), "the run in the admin")
    assert readers.seen > before


def test_what_would_run_is_found() -> None:
    class Answer:
        streaming = False
        headers: dict[str, str] = {}

        def __init__(self, kind: str, text: str) -> None:
            self.kind, self.content = kind, text.encode()

        def __getitem__(self, name: str) -> str:
            return "nosniff" if name.startswith("X-") else self.kind

        def __contains__(self, name: str) -> bool:
            return True

    for text in (
        CANARY,
        f'<a title="{CANARY}">',
        "<p onclick=x>",
        '<a href="javascript:alert(1)">',
        f"<script>var x = '{CANARY}'</script>",
    ):
        assert found_in(Answer("text/html", text)), text
    assert found_in(Answer("text/csv", f"a,{FORMULA}"))
    assert not found_in(Answer("text/html", "<p>k4n&quot;&lt;img src=x onerror=alert(1)&gt;"))
    assert Question.objects.count() == 0

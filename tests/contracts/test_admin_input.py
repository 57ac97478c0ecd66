"""Junk in every address and every form of the admin, found through its URL table: an answer in
words, never a fault of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote as quote_pk
from django.db import models, transaction
from django.test import Client
from django.urls import URLPattern, reverse

from apps.questions import services
from apps.questions.admin import RevisionTextFormSet
from apps.questions.models import Report, Revision
from tests.common.editing import fields_of
from tests.contracts.test_routes import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken_queues")]
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
EXPECTED = {200, 302, 400, 403, 404, 405, 409, 413}
DEEP = "[" * 500 + "]" * 500
JUNK = [
    "a\x00b",
    "\ud800",
    "٣",
    "NaN",
    "Infinity",
    "-1",
    "1e400",
    "9" * 30,
    "9" * 5000,
    "9999",
    "0001-01-01",
    "(",
    "x" * 3000,
    DEEP,
    '{"a": "\\ud800", "b\\u0000": NaN}',
    "'\"<script>%(x)s{{y}}",
]
DATES = [("9999", "12", "31"), ("1", "1", "1"), ("2026", "٣", "9" * 20), ("9" * 20, "1", "1")]
JUNK_BY_PLACE = 2  # values tried at one place: over all models each place meets each of them


class Rotation:
    """The junk values in turn, so that the test takes a bounded time and repeats itself."""

    def __init__(self, start: int) -> None:
        self.next = start

    def some(self, count: int = JUNK_BY_PLACE) -> list[str]:
        values = [JUNK[(self.next + k) % len(JUNK)] for k in range(count)]
        self.next += count + 1
        return values


@pytest.fixture
def boss(db: None) -> Client:
    cast = Cast()
    revision = Revision.objects.get()
    Report.objects.create(
        question=revision.question, revision=revision, about="answer", text="?", language="en"
    )
    return cast.browsers["superuser"]


def percent(text: str) -> str:
    """Return text as a browser or a hostile script puts it into an address."""
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def query(**values: str) -> str:
    return "&".join(f"{percent(name)}={percent(value)}" for name, value in values.items())


def send(client: Client, method: str, url: str, form: Any = None) -> Any:
    """Send one request, and undo what it writes. A fault names the address."""
    body = urlencode(form or {}, doseq=True, errors="surrogatepass")
    with transaction.atomic():
        if method == "GET":
            answer = client.get(url)
        else:
            answer = client.post(url, body, content_type="application/x-www-form-urlencoded")
        transaction.set_rollback(True)
    assert answer.status_code in EXPECTED, f"{method} {url[:300]} {body[:300]}"
    return answer


def name_of(model: Any, page: str) -> str:
    return f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"


def list_parameters(model: Any) -> Iterator[str]:
    """Yield the names that a list's address may have."""
    page: Any = admin.site._registry[model]
    yield from ("q", "p", "o", "e", "all", "_popup", "_to_field", "_facets", "_changelist_filters")
    yield from ("id__exact", "pk", "pk__in", "no_such", "id__no_such")
    names = [f if isinstance(f, str) else f[0] for f in page.list_filter if not callable(f)]
    for name in [*names, *filter(None, [page.date_hierarchy])]:
        yield from (f"{name}__exact", f"{name}__isnull", f"{name}__gte", f"{name}__in")
        yield from (f"{name}__id__exact", f"{name}__regex")
    if name := page.date_hierarchy:
        yield from (f"{name}__year", f"{name}__month", f"{name}__day", f"{name}__date")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_a_list_answers_whatever_its_address_says(boss: Client, model: Any) -> None:
    url = reverse(name_of(model, "changelist"))
    junk = Rotation(MODELS.index(model))
    for parameter in list_parameters(model):
        for value in junk.some():
            send(boss, "GET", f"{url}?{query(**{parameter: value})}")
    if name := admin.site._registry[model].date_hierarchy:
        for year, month, day in DATES:
            parts = {f"{name}__year": year, f"{name}__month": month, f"{name}__day": day}
            for count in (1, 2, 3):
                send(boss, "GET", f"{url}?{query(**dict(islice(parts.items(), count)))}")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_an_action_on_what_cannot_be_is_passed_over(boss: Client, model: Any) -> None:
    url = reverse(name_of(model, "changelist"))
    row = model._base_manager.first()
    page: Any = admin.site._registry[model]
    actions = ["delete_selected", "no such", *map(str, page.actions)]
    for n, value in enumerate(JUNK):
        form = {
            "action": actions[n % len(actions)],
            "_selected_action": value,
            "index": "0",
            "select_across": "0",
        }
        send(boss, "POST", url, form)
        chosen = {"_selected_action": str(row.pk)} if row else {}
        send(boss, "POST", url, form | chosen | {"action": value, "index": value})
        send(boss, "POST", url, form | chosen | {"select_across": value, "index": "9" * 30})


def pages() -> list[tuple[str, str]]:
    """Return name and pattern of every URL of the admin that takes an argument."""
    urls: list[tuple[str, str]] = []

    def collect(patterns: Any) -> None:
        for pattern in patterns:
            if isinstance(pattern, URLPattern):
                if pattern.name and "<" in str(pattern.pattern):
                    urls.append((pattern.name, str(pattern.pattern)))
            else:
                for inner in pattern.url_patterns:
                    if isinstance(inner, URLPattern) and inner.name:
                        urls.append((inner.name, f"{pattern.pattern}{inner.pattern}"))

    collect(admin.site.get_urls())
    return sorted({page for page in urls if "<" in page[1] and "app_label" not in page[1]})


@pytest.mark.parametrize(("name", "pattern"), pages(), ids=lambda text: text[:60])
def test_a_page_of_a_row_that_cannot_be_is_not_found(boss: Client, name: str, pattern: str) -> None:
    junk = Rotation(len(name))
    for value in junk.some(3):
        url = "/admin/" + percent(value).join(re.split(r"<[^>]*>", pattern))
        send(boss, "GET", url)
        send(boss, "POST", url, {"post": "yes", "password1": value, "password2": value})


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_a_form_answers_whatever_it_holds(boss: Client, model: Any) -> None:
    junk = Rotation(MODELS.index(model))
    row = model._base_manager.first()
    urls = [reverse(name_of(model, "add"))]
    if row is not None:
        args = [quote_pk(row.pk)]
        urls += [
            reverse(name_of(model, page), args=args) for page in ("change", "delete", "history")
        ]
    for url in urls:
        for value in junk.some(4):
            address = query(_changelist_filters=value, _to_field=value, no=value)
            send(boss, "GET", f"{url}?{address}")
        page = send(boss, "GET", url)
        shown = fields_of(page) if page.status_code == 200 else {}
        for field in [*shown, "no_such", "_popup", "_to_field"]:
            for value in junk.some(len(JUNK) if is_json(model, field) else 2):
                form = {**shown, field: value, "_continue": "1"}
                send(boss, "POST", url, form)


def is_json(model: Any, field: str) -> bool:
    columns = {column.name: column for column in model._meta.get_fields()}
    return isinstance(columns.get(field), models.JSONField)


def test_the_search_of_a_foreign_key_answers_whatever_is_asked(boss: Client) -> None:
    good = {"app_label": "questions", "model_name": "revision", "field_name": "question"}
    for value in JUNK:
        for name in [*good, "term", "page"]:
            send(boss, "GET", f"/admin/autocomplete/?{query(**{**good, 'term': 'h', name: value})}")


@pytest.fixture
def draft(boss: Client) -> Revision:
    return services.draft_from(question=Revision.objects.get().question)


@pytest.mark.parametrize("count", ["9" * 13, "2000", "-1", "٣" * 9, "NaN", "", "9" * 5000])
@pytest.mark.parametrize("form", ["add", "change"])
def test_a_number_of_rows_that_nobody_sent_costs_no_time(
    boss: Client, draft: Revision, form: str, count: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = reverse(f"admin:questions_revision_{form}", args=[draft.pk] if form == "change" else [])
    shown = fields_of(boss.get(url))
    built = 0
    formset: Any = RevisionTextFormSet
    construct = formset._construct_form

    def count_forms(*args: Any, **options: Any) -> Any:
        nonlocal built
        built += 1
        return construct(*args, **options)

    monkeypatch.setattr(formset, "_construct_form", count_forms)
    [prefix] = {name.removesuffix("-TOTAL_FORMS") for name in shown if "TOTAL_FORMS" in name}
    answer = send(boss, "POST", url, {**shown, f"{prefix}-TOTAL_FORMS": count})
    assert answer.status_code == 400 and built < 100


def test_facts_that_are_nested_deep_or_cannot_be_stored_are_refused_in_words(
    boss: Client, draft: Revision
) -> None:
    url = reverse("admin:questions_revision_change", args=[draft.pk])
    shown = fields_of(boss.get(url))
    for text in ('{"a": ' + DEEP + "}", '{"a": ' + "[" * 200_000 + "}", DEEP):
        answer = boss.post(url, {**shown, "facts": text})
        assert answer.status_code == 200 and answer.context["errors"]
        assert "nested at most" in answer.content.decode()
    answer = boss.post(url, {**shown, "facts": '{"a": "\\ud800x\\u0000", "b": NaN}'})
    assert answer.status_code == 302
    draft.refresh_from_db()
    assert draft.facts == {"a": "?x", "b": None}

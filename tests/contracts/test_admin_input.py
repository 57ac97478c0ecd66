"""Junk in every address and every form of the admin, found through its URL table: an answer in
words, never a fault of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import urlencode

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
from tests.contracts.junk import DEEP, JUNK, Rotation, percent, query
from tests.contracts.test_routes import Cast

pytestmark = [
    pytest.mark.attack,
    pytest.mark.django_db,
    pytest.mark.usefixtures("woken_queues"),
]
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
APPS = sorted({model._meta.app_label for model in MODELS})
EXPECTED = {200, 302, 400, 403, 404, 405, 409, 413}
DATES = [("9999", "12", "31"), ("1", "1", "1"), ("2026", "٣", "9" * 20), ("9" * 20, "1", "1")]
# values tried at one place: in the gate one, others at each place; in the long form all of them
SOME = [pytest.param(1, id="some"), pytest.param(len(JUNK), id="all", marks=pytest.mark.slow)]


class Boss:
    """An operator with one of everything, whose requests are undone, and judged at the end: making
    the cast takes longer than most tests.
    """

    def __init__(self) -> None:
        self.client: Client = Cast().browsers["superuser"]
        self.faults: list[str] = []
        revision = Revision.objects.get(question__owner=None)
        Report.objects.create(
            question=revision.question, revision=revision, about="answer", text="?", language="en"
        )

    def send(self, method: str, url: str, form: Any = None) -> Any:
        body = urlencode(form or {}, doseq=True, errors="surrogatepass")
        with transaction.atomic():
            if method == "GET":
                answer = self.client.get(url)
            else:
                answer = self.client.post(
                    url, body, content_type="application/x-www-form-urlencoded"
                )
            transaction.set_rollback(True)
        if answer.status_code not in EXPECTED:
            self.faults.append(f"{answer.status_code}: {method} {url[:300]} {body[:300]}")
        return answer


@pytest.fixture
def boss(db: None) -> Iterator[Boss]:
    boss = Boss()
    yield boss
    assert not boss.faults, "\n".join(boss.faults)


def models_of(app: str) -> list[Any]:
    return [model for model in MODELS if model._meta.app_label == app]


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


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize("count", SOME)
def test_a_list_answers_whatever_its_address_says(boss: Boss, app: str, count: int) -> None:
    """In the gate every second parameter."""
    for model in models_of(app):
        url = reverse(name_of(model, "changelist"))
        junk = Rotation(MODELS.index(model))
        for parameter in islice(list_parameters(model), None, None, 2 if count == 1 else 1):
            for value in junk.some(count):
                boss.send("GET", f"{url}?{query(**{parameter: value})}")
        if name := admin.site._registry[model].date_hierarchy:
            for year, month, day in DATES:
                parts = {f"{name}__year": year, f"{name}__month": month, f"{name}__day": day}
                for length in (1, 2, 3):
                    boss.send("GET", f"{url}?{query(**dict(islice(parts.items(), length)))}")


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize("count", SOME)
def test_an_action_on_what_cannot_be_is_passed_over(boss: Boss, app: str, count: int) -> None:
    for model in models_of(app):
        junk = Rotation(MODELS.index(model))
        url = reverse(name_of(model, "changelist"))
        row = model._base_manager.first()
        page: Any = admin.site._registry[model]
        actions = ["delete_selected", "no such", *map(str, page.actions)]
        for n, value in enumerate(junk.some(max(count, len(JUNK) // 2))):
            form = {
                "action": actions[n % len(actions)],
                "_selected_action": value,
                "index": "0",
                "select_across": "0",
            }
            boss.send("POST", url, form)
            if n % 2:
                chosen = {"_selected_action": str(row.pk)} if row else {}
                boss.send("POST", url, form | chosen | {"action": value, "index": value})
                boss.send("POST", url, form | chosen | {"select_across": value, "index": "9" * 30})


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


@pytest.mark.parametrize("count", SOME)
def test_a_page_of_a_row_that_cannot_be_is_not_found(boss: Boss, count: int) -> None:
    of_rows = pages()
    assert len(of_rows) > 30
    junk = Rotation(0)
    for _name, pattern in of_rows:
        for value in junk.some(count):
            url = "/admin/" + percent(value).join(re.split(r"<[^>]*>", pattern))
            boss.send("GET", url)
            boss.send("POST", url, {"post": "yes", "password1": value, "password2": value})


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize("count", SOME)
def test_a_form_answers_whatever_it_holds(boss: Boss, app: str, count: int) -> None:
    """A value in all fields at once, and in each field some, the others as the page has them."""
    for model in models_of(app):
        junk = Rotation(MODELS.index(model))
        row = model._base_manager.first()
        urls = [reverse(name_of(model, "add"))]
        if row is not None:
            args = [quote_pk(row.pk)]
            urls += [
                reverse(name_of(model, page), args=args) for page in ("change", "delete", "history")
            ]
        for url in urls:
            for value in junk.some(count):
                address = query(_changelist_filters=value, _to_field=value, no=value)
                boss.send("GET", f"{url}?{address}")
            page = boss.send("GET", url)
            if page.status_code != 200 or not (shown := fields_of(page)):
                boss.send("POST", url, {"no_such": junk.some(1)})
                continue
            for value in junk.some(max(count, len(JUNK) // 2)):
                boss.send("POST", url, {**dict.fromkeys(shown, value), **rows_of(shown)})
            # of the rows of a formset the first
            one_each = {re.sub(r"\d+", "0", field): field for field in reversed(shown)}
            for field in [*one_each.values(), "no_such", "_popup", "_to_field"]:
                for value in junk.some(len(JUNK) if is_json(model, field) else count):
                    boss.send("POST", url, {**shown, field: value, "_continue": "1"})


def rows_of(shown: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a page that say how many rows follow: junk there ends the reading."""
    return {name: value for name, value in shown.items() if name.endswith("_FORMS")}


def is_json(model: Any, field: str) -> bool:
    columns = {column.name: column for column in model._meta.get_fields()}
    return isinstance(columns.get(field), models.JSONField)


def test_the_search_of_a_foreign_key_answers_whatever_is_asked(boss: Boss) -> None:
    good = {"app_label": "questions", "model_name": "revision", "field_name": "question"}
    for value in JUNK:
        for name in [*good, "term", "page"]:
            boss.send("GET", f"/admin/autocomplete/?{query(**{**good, 'term': 'h', name: value})}")


@pytest.fixture
def draft(boss: Boss) -> Revision:
    return services.draft_from(question=Revision.objects.get(question__owner=None).question)


ROWS = ["9" * 13, "2000", "-1", "٣" * 9, "NaN", "", "9" * 5000]


@pytest.mark.parametrize("form", ["add", "change"])
def test_a_number_of_rows_that_nobody_sent_costs_no_time(
    boss: Boss, draft: Revision, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = reverse(f"admin:questions_revision_{form}", args=[draft.pk] if form == "change" else [])
    shown = fields_of(boss.client.get(url))
    built = 0
    formset: Any = RevisionTextFormSet
    construct = formset._construct_form

    def count_forms(*args: Any, **options: Any) -> Any:
        nonlocal built
        built += 1
        return construct(*args, **options)

    monkeypatch.setattr(formset, "_construct_form", count_forms)
    [prefix] = {name.removesuffix("-TOTAL_FORMS") for name in shown if "TOTAL_FORMS" in name}
    for count in ROWS:
        built = 0
        answer = boss.send("POST", url, {**shown, f"{prefix}-TOTAL_FORMS": count})
        assert answer.status_code == 400 and built < 100, count


def test_facts_that_are_nested_deep_or_cannot_be_stored_are_refused_in_words(
    boss: Boss, draft: Revision
) -> None:
    url = reverse("admin:questions_revision_change", args=[draft.pk])
    shown = fields_of(boss.client.get(url))
    for text in ('{"a": ' + DEEP + "}", '{"a": ' + "[" * 200_000 + "}", DEEP):
        answer = boss.client.post(url, {**shown, "facts": text})
        assert answer.status_code == 200 and answer.context["errors"]
        assert "nested at most" in answer.content.decode()
    answer = boss.client.post(url, {**shown, "facts": '{"a": "\\ud800x\\u0000", "b": NaN}'})
    assert answer.status_code == 302
    draft.refresh_from_db()
    assert draft.facts == {"a": "?x", "b": None}

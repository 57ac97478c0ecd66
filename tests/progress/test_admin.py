"""Django's admin shows what learners did, read-only, and never the text of a note."""

from __future__ import annotations

import uuid

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client

from apps.accounts.models import User
from apps.progress import services
from apps.progress.models import Card, Note
from apps.questions.models import Question

pytestmark = pytest.mark.django_db
TABLES = sorted(
    model._meta.model_name or "" for model in apps.get_app_config("progress").get_models()
)


@pytest.fixture
def boss(sam: User) -> Client:
    sam.is_staff = sam.is_superuser = True
    sam.save()
    client = Client()
    client.force_login(sam, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_every_table_is_there() -> None:
    assert {model for model in admin.site._registry if model._meta.app_label == "progress"} == set(
        apps.get_app_config("progress").get_models()
    )


@pytest.mark.parametrize(
    "query", ["", "?q=mei", "?q=%00", "?id__exact=x", "?e=1", "?p=x", "?o=9.9", "?user__password=x"]
)
@pytest.mark.parametrize("table", TABLES)
def test_a_list_answers_any_query_string(boss: Client, table: str, query: str) -> None:
    assert boss.get(f"/admin/progress/{table}/{query}", follow=True).status_code in (200, 400)


def test_reviews_are_shown_and_not_changed(boss: Client, mei: User, concept: Question) -> None:
    review = services.reviews.record(user=mei, question=concept, review_id=uuid.uuid4(), rating=3)
    page = boss.get("/admin/progress/review/?q=mei").content.decode()
    assert concept.slug in page and "Good" in page
    for table, pk in (("review", review.pk), ("card", review.card_id)):
        assert boss.get(f"/admin/progress/{table}/{pk}/change/").status_code == 200
        assert boss.post(f"/admin/progress/{table}/{pk}/change/", {"rating": 1}).status_code == 403
        assert (
            boss.post(f"/admin/progress/{table}/{pk}/delete/", {"post": "yes"}).status_code == 403
        )
    assert Card.objects.get().last_review is not None


def test_the_text_of_a_note_is_not_shown(boss: Client, mei: User, concept: Question) -> None:
    services.plans.write_note(user=mei, question=concept, text="My own words.")
    pk = Note.objects.get().pk
    pages = [
        boss.get(f"/admin/progress/note/{path}").content.decode()
        for path in ("", f"{pk}/change/", f"{pk}/history/")
    ]
    assert (
        "mei" in pages[0] and "mei" in pages[1] and not any("own words" in page for page in pages)
    )

"""Rules for all pages of the admin, whichever app they are of: found through its registry."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import translation

from apps.accounts.models import User
from apps.common.edit_conflicts import DetectsEditConflicts
from tests.common.editing import edit, fields_of, send
from tests.common.reauthenticating import enter_password

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


def names(*things: Any) -> list[str]:
    return [str(thing) for thing in things]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_table_and_its_app_are_named_in_chinese(model: Any) -> None:
    meta = model._meta
    lazy = (meta.verbose_name, meta.verbose_name_plural, meta.app_config.verbose_name)
    with translation.override("en"):
        english = names(*lazy)
    with translation.override("zh-hans"):
        chinese = names(*lazy)
    for word, translated in zip(english, chinese, strict=True):
        assert word != translated and not translated.isascii(), word


def may(kind: str, model: Any, request: Any) -> bool:
    return bool(getattr(admin.site._registry[model], f"has_{kind}_permission")(request))


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create_superuser("boss@example.org", "boss", "a long password")


@pytest.fixture
def boss_client(boss: User) -> Client:
    client = Client()
    enter_password(client, boss)
    return client


@pytest.fixture
def asked(boss: User, rf: RequestFactory) -> Any:
    request = rf.get("/admin/")
    request.user = boss
    return request


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_a_page_for_a_new_row_shows_no_value_that_only_the_database_makes(
    boss_client: Client, asked: Any, model: Any
) -> None:
    if may("add", model, asked):
        meta = model._meta
        page = boss_client.get(reverse(f"admin:{meta.app_label}_{meta.model_name}_add"))
        text = page.content.decode()
        assert page.status_code == 200
        assert "django.db" not in text and "DatabaseDefault" not in text


def test_every_form_that_edits_a_row_detects_conflicts(asked: Any) -> None:
    unguarded = [
        model._meta.label
        for model, page in admin.site._registry.items()
        if may("change", model, asked) and not isinstance(page, DetectsEditConflicts)
    ]
    assert unguarded == []


def test_two_operators_who_change_one_person_see_each_other(boss_client: Client) -> None:
    other = Client()
    enter_password(
        other, User.objects.create_superuser("other@example.org", "other", "a long password")
    )
    mei = User.objects.create_user("mei@example.org", "mei")
    url = f"/admin/accounts/user/{mei.pk}/change/"
    mine = fields_of(boss_client.get(url)) | {"handle": "Mei", "is_active": []}
    their = {"handle": "May", "is_staff": "on", "time_zone": "Asia/Shanghai"}
    assert edit(other, url, **their).status_code == 302
    answer = send(boss_client, url, mine)
    mei.refresh_from_db()
    assert answer.status_code == 409 and (mei.handle, mei.is_active) == ("May", True)
    seen = [(d.yours, d.theirs, d.is_taken_over) for d in answer.context["edit_conflicts"]]
    assert sorted(seen) == [
        ("False", "True", True),
        ("Mei", "May", False),
        ("UTC", "Asia/Shanghai", True),
    ]
    assert send(boss_client, url, fields_of(answer)).status_code == 302
    mei.refresh_from_db()
    assert (mei.handle, mei.is_active, mei.is_staff, mei.time_zone) == (
        "Mei",
        False,
        True,
        "Asia/Shanghai",
    )

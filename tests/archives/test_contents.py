"""Nothing that is a person's is forgotten in their archive, and nothing of others is in it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from django.apps import apps
from django.db.models import Model

from apps.accounts.deletion import reach
from apps.accounts.models import User
from apps.archives import contents
from apps.common.clock import now
from apps.discussions.models import PostRevision
from apps.experiments.models import Lab
from apps.questions.models import Question
from tests.contracts.test_deletion import lab, question, with_everything  # noqa: F401 - fixtures

SECTIONS = {section.model: section for section in contents.SECTIONS}


def label(model: type[Model]) -> str:
    return model._meta.label


def relations() -> dict[str, type[Model]]:
    """Return every relation to a person, by its name, with the model that has it."""
    return {
        f"{label(model)}.{field.name}": model
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.concrete_fields
        if field.is_relation and field.related_model is User
    }


def test_every_table_that_refers_to_people_is_in_the_archive_or_left_out_for_a_reason() -> None:
    unnamed = [
        name
        for name, model in relations().items()
        if label(model) not in contents.LEFT_OUT
        and name not in contents.NOT_THEIRS
        and not (model in SECTIONS and name.rpartition(".")[2] in SECTIONS[model].owners)
    ]
    assert unnamed == [], "add a section in apps/archives/contents.py, or say why there is none"


def test_every_table_that_goes_with_a_person_is_in_the_archive_or_left_out_for_a_reason() -> None:
    unnamed = [
        label(model)
        for model in reach().deleted
        if model not in SECTIONS and label(model) not in contents.LEFT_OUT
    ]
    assert unnamed == []


def test_no_reason_is_given_for_what_there_is_not() -> None:
    labels = {label(model) for model in apps.get_models(include_auto_created=True)}
    assert set(contents.LEFT_OUT) <= labels
    assert set(contents.NOT_THEIRS) <= set(relations())
    assert not set(contents.LEFT_OUT) & {label(model) for model in SECTIONS}


@pytest.mark.django_db
@pytest.mark.usefixtures("woken_queues")
def test_who_has_everything_has_a_row_in_every_section_and_no_secret_in_any(
    lab: Lab,  # noqa: F811
    question: Question,  # noqa: F811
) -> None:
    mei = with_everything("mei", lab, question)
    with_everything("sam", lab, question)
    post = mei.posts.first()
    assert post is not None
    PostRevision.objects.create(post=post, number=0, text="Before.", written_at=now())
    rows: dict[str, list[Any]] = {}
    for section in contents.SECTIONS:
        rows[section.name] = list(section.rows(mei))
        assert section.count(mei) >= len(rows[section.name])
    assert [name for name, of_section in rows.items() if not of_section] == []
    text = msgspec.json.encode([rows, contents.account(mei)]).decode()
    assert "mei@example.org" in text and "sam@example.org" not in text
    secrets = ["password", '"token', '"digest"', "session_key", mei.password]
    assert [secret for secret in secrets if secret in text] == []

"""Drafts in the admin: however large, in whatever order, and whoever else edits them."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from apps.accounts.models import User
from apps.questions import services
from apps.questions.loading import load_questions
from apps.questions.models import Question, Revision, RevisionText
from tests.common.editing import edit, fields_of, send

pytestmark = pytest.mark.django_db(transaction=True)


def operator_named(handle: str) -> Client:
    person = User.objects.create_superuser(f"{handle}@example.org", handle, "a long password")
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def operator(db: None) -> Client:
    return operator_named("op")


@pytest.fixture
def draft(guess: Question) -> Revision:
    return services.draft_from(question=guess)


@pytest.fixture
def url(draft: Revision) -> str:
    return f"/admin/questions/revision/{draft.pk}/change/"


def rows_of(form: dict[str, Any], draft: Revision, kind: str) -> list[str]:
    """Return the prefixes of a draft's texts of a kind, in their order."""
    pks = list(draft.texts.filter(kind=kind).values_list("pk", flat=True))
    prefixes = {
        int(value[0]): name.removesuffix("-id")
        for name, value in form.items()
        if name.startswith("texts-") and name.endswith("-id") and value[0]
    }
    return [prefixes[pk] for pk in pks]


def texts(draft: Revision, kind: str = "point") -> list[str]:
    return list(draft.texts.filter(kind=kind).values_list("text_en", flat=True))


# ---------------------------------------------------------------- size


def test_every_question_of_the_bank_can_be_saved_as_a_draft(operator: Client) -> None:
    load_questions(settings.BANK_FOLDER)
    sizes = []
    for question in Question.objects.all():
        draft = services.draft_from(question=question)
        url = f"/admin/questions/revision/{draft.pk}/change/"
        form = fields_of(operator.get(url))
        answer = send(operator, url, form | {"title_en": "Another title"})
        assert answer.status_code == 302, question.slug
        draft.refresh_from_db()
        assert draft.title_en == "Another title"
        sizes.append(len(form))
    assert max(sizes) > settings.DATA_UPLOAD_MAX_NUMBER_FIELDS


def test_a_draft_that_is_saved_unchanged_stays_as_it_was(
    operator: Client, draft: Revision, url: str
) -> None:
    before = list(RevisionText.objects.filter(revision=draft).values())
    assert edit(operator, url).status_code == 302
    after = Revision.objects.filter(pk=draft.pk).values().get()
    assert list(RevisionText.objects.filter(revision=draft).values()) == before
    assert after["statement_en"] == draft.statement_en and after["facts"] == draft.facts


@pytest.mark.parametrize(
    ("count", "sent"),
    [("200", 0), ("99999", 0), ("9" * 40, 0), ("1001", 1001)],
    ids=["incomplete", "many", "more than a number holds", "more than a page has"],
)
def test_a_form_that_claims_rows_without_end_is_refused(
    count: str, sent: int, operator: Client, draft: Revision, url: str
) -> None:
    form = fields_of(operator.get(url)) | {f"texts-{row}-group": "0" for row in range(sent)}
    answer = send(operator, url, form | {"title_en": "Mine", "texts-TOTAL_FORMS": count})
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "This form is incomplete, or has more than 1000 rows of “" in page
    draft.refresh_from_db()
    assert draft.title_en != "Mine"


# ---------------------------------------------------------------- order


def test_two_texts_swap_their_places(operator: Client, draft: Revision, url: str) -> None:
    first, second = rows_of(fields_of(operator.get(url)), draft, "point")
    answer = edit(operator, url, **{f"{first}-position": "1", f"{second}-position": "0"})
    assert answer.status_code == 302 and texts(draft) == ["Another point.", "One point."]


def test_all_texts_move_by_one_and_a_new_one_comes_first(
    operator: Client, draft: Revision, url: str
) -> None:
    form = fields_of(operator.get(url))
    first, second = rows_of(form, draft, "point")
    count = int(form["texts-TOTAL_FORMS"][0])
    new = {"kind": "point", "part": "0", "position": "0", "text_en": "New.", "text_zh": "新。"}
    moved = {f"{first}-position": "1", f"{second}-position": "2"}
    moved |= {f"texts-{count}-{name}": value for name, value in new.items()}
    moved["texts-TOTAL_FORMS"] = str(count + 1)
    assert edit(operator, url, **moved).status_code == 302
    assert texts(draft) == ["New.", "One point.", "Another point."]


def test_the_place_of_a_text_that_goes_is_free(operator: Client, draft: Revision, url: str) -> None:
    first, second = rows_of(fields_of(operator.get(url)), draft, "point")
    answer = edit(operator, url, **{f"{first}-DELETE": "on", f"{second}-position": "0"})
    assert answer.status_code == 302 and texts(draft) == ["Another point."]


def test_two_texts_with_one_place_are_both_named(
    operator: Client, draft: Revision, url: str
) -> None:
    _first, second = rows_of(fields_of(operator.get(url)), draft, "point")
    answer = edit(operator, url, **{f"{second}-position": "0"})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "key point, 0, 0" in page and "“One point.” and “Another point.”" in page
    assert texts(draft) == ["One point.", "Another point."]


# ---------------------------------------------------------------- two editors


@pytest.fixture
def other(db: None) -> Client:
    return operator_named("other")


def conflicts(answer: Any) -> list[tuple[str, str, str, bool]]:
    return [(d.label, d.yours, d.theirs, d.is_taken_over) for d in answer.context["edit_conflicts"]]


def test_what_another_editor_saved_is_shown_before_it_is_overwritten(
    operator: Client, other: Client, draft: Revision, url: str
) -> None:
    mine = fields_of(operator.get(url)) | {"title_en": "My title"}
    assert edit(other, url, title_en="Their title").status_code == 302
    answer = send(operator, url, mine)
    draft.refresh_from_db()
    assert answer.status_code == 409 and draft.title_en == "Their title"
    assert conflicts(answer) == [("Title en", "My title", "Their title", False)]
    page = answer.content.decode()
    assert "My title" in page and "Their title" in page and "Somebody else saved" in page
    assert send(operator, url, fields_of(answer)).status_code == 302
    draft.refresh_from_db()
    assert draft.title_en == "My title"


def test_what_only_the_other_changed_is_kept_when_one_saves_again(
    operator: Client, other: Client, draft: Revision, url: str
) -> None:
    form = fields_of(operator.get(url))
    point, _second = rows_of(form, draft, "point")
    mine = form | {"title_en": "My title", f"{point}-text_zh": "我的要点。"}
    their = {"answer_en": "Their answer.", "labs": "their-lab", f"{point}-text_en": "Their point."}
    assert edit(other, url, **their).status_code == 302
    answer = send(operator, url, mine)
    assert answer.status_code == 409 and all(taken for *_texts, taken in conflicts(answer))
    assert [theirs for _label, _yours, theirs, _taken in conflicts(answer)] == [
        "Their answer.",
        "their-lab",
        "Their point.",
    ]
    assert send(operator, url, fields_of(answer)).status_code == 302
    draft.refresh_from_db()
    first = draft.texts.filter(kind="point")[0]
    assert (draft.title_en, draft.answer_en, draft.labs) == (
        "My title",
        "Their answer.",
        ["their-lab"],
    )
    assert (first.text_en, first.text_zh) == ("Their point.", "我的要点。")


def test_the_same_change_by_both_is_no_conflict(
    operator: Client, other: Client, draft: Revision, url: str
) -> None:
    mine = fields_of(operator.get(url)) | {"title_en": "One title"}
    assert edit(other, url, title_en="One title").status_code == 302
    assert send(operator, url, mine).status_code == 302


def test_a_third_save_between_is_a_conflict_again(
    operator: Client, other: Client, draft: Revision, url: str
) -> None:
    mine = fields_of(operator.get(url)) | {"title_en": "My title"}
    edit(other, url, title_en="Their title")
    shown = send(operator, url, mine)
    edit(other, url, title_en="Their later title")
    answer = send(operator, url, fields_of(shown))
    assert conflicts(answer) == [("Title en", "My title", "Their later title", False)]


def test_a_mistake_in_the_form_does_not_hide_a_conflict_that_comes_after(
    operator: Client, other: Client, draft: Revision, url: str
) -> None:
    mine = fields_of(operator.get(url)) | {"title_en": "My title", "facts": "{"}
    wrong = send(operator, url, mine)
    assert wrong.status_code == 200
    edit(other, url, title_en="Their title")
    answer = send(operator, url, fields_of(wrong) | {"facts": mine["facts"]})
    assert answer.status_code == 409
    draft.refresh_from_db()
    assert draft.title_en == "Their title"


def test_texts_that_the_other_added_and_deleted_are_shown_and_kept(
    operator: Client, other: Client, draft: Revision, url: str
) -> None:
    form = fields_of(operator.get(url))
    first, second = rows_of(form, draft, "point")
    (hint,) = rows_of(form, draft, "hint")
    count = int(form["texts-TOTAL_FORMS"][0])
    new = {"kind": "point", "part": "0", "position": "2", "text_en": "New.", "text_zh": "新。"}
    their = {f"texts-{count}-{name}": value for name, value in new.items()}
    their |= {
        "texts-TOTAL_FORMS": str(count + 1),
        f"{second}-DELETE": "on",
        f"{hint}-DELETE": "on",
    }
    assert edit(other, url, **their).status_code == 302
    mine = form | {f"{first}-text_en": "My point.", f"{hint}-text_en": "My hint."}
    answer = send(operator, url, mine)
    assert answer.status_code == 409
    assert {
        (theirs.split("\n")[0], taken) for _label, _yours, theirs, taken in conflicts(answer)
    } == {
        ("point", False),  # the new one
        ("deleted", True),  # of the point, which this editor had left as it was
        ("deleted", False),  # of the hint, which comes as a new one
    }
    assert send(operator, url, fields_of(answer)).status_code == 302
    assert texts(draft) == ["My point.", "New."] and texts(draft, "hint") == ["My hint."]


def test_a_form_that_does_not_say_what_it_showed_overwrites_nothing_unseen(
    operator: Client, draft: Revision, url: str
) -> None:
    for token in (None, "", "nonsense", "[]", "[" * 5000, '{"title_en": 5}'):
        form = fields_of(operator.get(url)) | {"title_en": "My title", "_shown_values": token}
        answer = send(
            operator, url, {name: value for name, value in form.items() if value is not None}
        )
        assert answer.status_code == 409, token
        assert ("Title en", "My title", draft.title_en, False) in conflicts(answer)


@pytest.mark.parametrize(
    "odd",
    [
        {"texts-INITIAL_FORMS": "9" * 40},
        {"texts-TOTAL_FORMS": "x"},
        {"texts-TOTAL_FORMS": "99999"},
        {"texts-0-id": "x\x00"},
        {"texts-0-id": "9" * 30},
        {"texts-0-id": ""},
    ],
    ids=repr,
)
def test_a_form_full_of_nonsense_is_no_error(
    operator: Client, draft: Revision, url: str, odd: dict[str, str]
) -> None:
    form = fields_of(operator.get(url)) | odd
    assert send(operator, url, form).status_code < 500
    Revision.objects.filter(pk=draft.pk).update(title_en="Another title")
    assert send(operator, url, form).status_code < 500

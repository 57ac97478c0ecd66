"""The forms of a question's page and of a review, read without a database: what is refused, and
what counts as not sent.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings as site_settings
from django.http import QueryDict

from apps.common import pending
from apps.common.clock import now
from apps.common.errors import BadRequest
from apps.common.fields import EXPIRED, PlainForm
from apps.progress import forms
from apps.progress.models import MAX_REVIEW_SECONDS
from apps.progress.services.answers import Given, Written
from apps.progress.services.attempts import FormState
from apps.questions.limits import MAX_ANSWER_CHARS, MAX_OPTIONS, MAX_POINTS

KEY, OTHER = UUID(int=7), UUID(int=8)
HOSTILE = ["-1", "१२३", "１２", "²", "9" * 10**6, "\ud800", "7\x00", "NaN", " 7", "<b>"]


def post(**fields: Any) -> QueryDict:
    """Return a posted form, by field the value or the values. Texts are not encoded, so they may
    hold what no URL can.
    """
    data = QueryDict(mutable=True)
    for name, value in fields.items():
        data.setlist(name, value if isinstance(value, list) else [value])
    return data


def milliseconds(at: datetime) -> str:
    return str(int(at.timestamp() * 1000))


def refusal(form: type[PlainForm], **fields: Any) -> str:
    with pytest.raises(BadRequest) as error:
        form.read(post(**fields))
    return error.value.message


# ---------------------------------------------------------------- answers


def answer(**fields: Any) -> dict[str, Any]:
    return forms.VisitorsAnswerForm.read(post(**fields)).answer


def test_an_answer_has_the_fields_of_its_controls() -> None:
    assert answer(text=" 0.5\r\n") == {"text": " 0.5\n"}
    assert answer() == {"text": ""}
    assert answer(own="had", text="x") == {"own": "had"}
    assert answer(own="") == {"own": ""}
    assert answer(chose="1", chosen=["a", "c"]) == {"chosen": ["a", "c"]}
    assert answer(chose="1") == {"chosen": []}
    ordered = {"ordered": "1", "order": ["a", "b", "c"]}
    places = {"place-a": "3", "place-b": "1", "place-c": "2"}
    assert answer(**ordered, **places) == {"order": ["b", "c", "a"]}


def test_without_the_field_that_marks_them_options_are_no_answer() -> None:
    assert answer(chosen=["a"], order=["a"], **{"place-a": "1"}) == {"text": ""}


@pytest.mark.parametrize(
    "places", [{}, {"place-a": "1", "place-b": "1"}, {"place-a": "0", "place-b": "１"}]
)
def test_places_that_are_missing_or_given_twice_are_left_out(places: dict[str, str]) -> None:
    assert answer(ordered="1", order=["a", "b"], **places) == {"order": []}


@pytest.mark.parametrize("value", HOSTILE)
def test_a_place_may_be_anything(value: str) -> None:
    fields = {"ordered": "1", "order": ["a", "b"], "place-a": value, "place-b": "2"}
    assert answer(**fields) == {"order": ["b"]}


def test_options_beyond_the_limit_have_no_place() -> None:
    keys = [f"k{n}" for n in range(MAX_OPTIONS + 3)]
    places = {f"place-{key}": str(n + 1) for n, key in enumerate(keys)}
    assert answer(ordered="1", order=keys, **places) == {"order": keys[:MAX_OPTIONS]}


def test_an_answer_can_be_stored() -> None:
    assert answer(text="a\x00b\ud800") == {"text": "ab?"}
    assert answer(chose="1", chosen=["a\x00", "\ud800"]) == {"chosen": ["a", "?"]}
    assert answer(own="h\x00ad") == {"own": "had"}
    assert answer(ordered="1", order=["a\x00"], **{"place-a": "1"}) == {"order": ["a"]}
    assert answer(text="x" * 10**6) == {"text": "x" * MAX_ANSWER_CHARS}


def test_a_members_answer_needs_a_key() -> None:
    assert refusal(forms.AnswerForm, part="1", text="2") == str(EXPIRED)
    for value in HOSTILE:
        assert refusal(forms.AnswerForm, part="1", text="2", key=value) == str(EXPIRED)
    form = forms.AnswerForm.read(post(part="1", text="2", key=str(KEY)))
    assert (form.cleaned_data["key"], form.cleaned_data["confidence"]) == (KEY, None)


def test_an_unknown_confidence_is_none() -> None:
    for value in (*HOSTILE, "", "0", "51", "95.0"):
        form = forms.AnswerForm.read(post(key=str(KEY), confidence=value))
        assert form.cleaned_data["confidence"] is None
    form = forms.AnswerForm.read(post(key=str(KEY), confidence="95"))
    assert form.cleaned_data["confidence"] == 95


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "3",
        '"a"',
        "NaN",
        "[" * 30_000,
        "9" * 10**6,
        '{"1": "text"}',
        '{"1": []}',
        '{"1": {"text": "a"}',
        "\ud800",
        "\x00",
    ],
)
def test_earlier_answers_that_cannot_be_read_were_not_given(text: str) -> None:
    form = forms.VisitorsAnswerForm.read(post(earlier=text))
    assert form.cleaned_data["earlier"] == {}


def test_earlier_answers_are_read_by_part() -> None:
    earlier = {"1": {"text": "a\x00"}, "2": {"chosen": ["\ud800", float("nan")]}, "3": None}
    form = forms.VisitorsAnswerForm.read(post(earlier=json.dumps(earlier)))
    assert form.cleaned_data["earlier"] == {"1": {"text": "a"}, "2": {"chosen": ["?", None]}}
    assert forms.VisitorsAnswerForm.read(post()).cleaned_data["earlier"] == {}


# ---------------------------------------------------------------- what the page showed, and when


def test_a_form_says_what_its_page_showed() -> None:
    shown = now() - timedelta(seconds=90)
    form = forms.HintForm.read(
        post(**{"in": "review"}, attempt=str(KEY), revision="12", shown=milliseconds(shown))
    )
    assert form.is_in_review
    assert (form.seen.attempt, form.seen.revision) == (KEY, 12)
    assert form.seen.since and abs((form.seen.since - shown).total_seconds()) < 10
    assert 90 <= form.seconds < 100


def test_a_form_may_say_nothing_of_its_page() -> None:
    form = forms.HintForm.read(post())
    assert form.seen == FormState() and form.seconds == 0.0 and not form.is_in_review
    assert (form.cleaned_data["part"], form.cleaned_data["number"]) == ("", 1)


@pytest.mark.parametrize("value", HOSTILE)
def test_hints_of_the_page_that_cannot_be_read_were_not_sent(value: str) -> None:
    fields = dict.fromkeys(("revision", "shown", "at", "in", "number"), value)
    form = forms.HintForm.read(post(**fields))
    assert form.seen == FormState() and form.cleaned_data["number"] == 1
    assert refusal(forms.HintForm, attempt=value) == str(EXPIRED)


def test_a_page_that_was_open_for_long_counts_for_a_bounded_time() -> None:
    shown = milliseconds(now() - timedelta(days=40))
    form = forms.HintForm.read(post(shown=shown))
    assert form.seen.since is not None
    assert abs((now() - form.seen.since).total_seconds() - MAX_REVIEW_SECONDS) < 10
    future = forms.HintForm.read(post(shown=milliseconds(now() + timedelta(days=1))))
    assert future.seconds == 0.0


# ---------------------------------------------------------------- ratings


def graded(**fields: Any) -> forms.GradeForm:
    return forms.GradeForm.read(post(review_id=str(KEY), rating="3", **fields))


def test_a_grade_is_one_of_four() -> None:
    assert graded().cleaned_data["rating"] == 3
    for value in (*HOSTILE, "", "0", "5", "03", "3.0", "３"):
        message = refusal(forms.GradeForm, review_id=str(KEY), rating=value)
        assert message == "A grade is 1 (Again), 2 (Hard), 3 (Good) or 4 (Easy)."
    assert refusal(forms.GradeForm, review_id=str(KEY)).startswith("A grade is")


def test_a_grade_needs_the_identifier_of_its_review() -> None:
    for fields in ({}, {"review_id": ""}, {"review_id": "9" * 10**6}):
        assert refusal(forms.GradeForm, rating="3", **fields) == str(EXPIRED)


def test_a_grade_comes_from_when_the_device_gave_it() -> None:
    at = now().replace(microsecond=0) - timedelta(days=13)
    shown = milliseconds(at - timedelta(seconds=20))
    assert graded(at=milliseconds(at), shown=shown).given == Given(at, 20.0)


def test_a_clock_that_is_fast_counts_as_now() -> None:
    for at in ({"at": milliseconds(now() + timedelta(days=900))}, {}, {"at": "x"}):
        given = graded(**at).given.at
        assert given is not None and abs((now() - given).total_seconds()) < 10


def test_a_grade_of_three_weeks_ago_is_refused() -> None:
    at = milliseconds(now() - timedelta(days=15))
    for form in (forms.GradeForm, forms.RevealForm):
        message = refusal(form, review_id=str(KEY), rating="3", at=at)
        assert message.startswith("This grade is more than two weeks old")


def test_a_reveal_needs_a_key_for_what_was_written_alone() -> None:
    assert forms.RevealForm.read(post()).written is None
    for value in HOSTILE:
        assert forms.RevealForm.read(post(key=value, text="")).written is None
        assert refusal(forms.RevealForm, key=value, text="mine") == str(EXPIRED)
    assert refusal(forms.RevealForm, text="mine") == str(EXPIRED)
    form = forms.RevealForm.read(post(key=str(KEY), text="mi\x00ne\r\n"))
    assert form.written == Written("mine\n", KEY)


def test_ticks_are_numbers_of_points() -> None:
    fields = {"attempt": str(KEY), "review_id": str(OTHER)}
    form = forms.PointsForm.read(post(**fields, point=["2", "0", *HOSTILE, "999", "1000"]))
    assert form.answer == {"ticked": [2, 0, 999]}
    assert (form.cleaned_data["attempt"], form.cleaned_data["review_id"]) == (KEY, OTHER)
    many = forms.PointsForm.read(post(attempt=str(KEY), point=["1"] * 99))
    assert len(many.answer["ticked"]) == MAX_POINTS
    assert many.cleaned_data["review_id"] is None
    assert forms.PointsForm.read(post(attempt=str(KEY))).answer == {"ticked": []}
    assert refusal(forms.PointsForm, point="1") == str(EXPIRED)
    assert refusal(forms.PointsForm, attempt=str(KEY), review_id="x") == str(EXPIRED)


# ---------------------------------------------------------------- reviews, and what is beside


@pytest.mark.parametrize("value", [*HOSTILE, ""])
def test_a_review_starts_whatever_its_form_says(value: str) -> None:
    form = forms.StartForm.read(post(new=value, topic=value, order=value))
    assert form.cleaned_data == {"new": 0, "topic": "", "is_due_first": False}
    assert forms.SkipForm.read(post(card=value)).cleaned_data == {"card": 0}


def test_a_review_has_the_topic_and_the_order_that_were_chosen() -> None:
    form = forms.StartForm.read(post(new="3", topic="metrics", order="due"))
    assert form.cleaned_data == {"new": 3, "topic": "metrics", "is_due_first": True}


def test_a_switch_is_on_only_where_it_says_so() -> None:
    for value in (*HOSTILE, "", "0", "true"):
        assert not forms.BookmarkForm.read(post(kept=value)).cleaned_data["kept"]
        assert not forms.SuspendForm.read(post(suspended=value)).cleaned_data["suspended"]
    assert forms.BookmarkForm.read(post(kept="1")).cleaned_data["kept"]
    assert forms.SuspendForm.read(post(suspended="1")).cleaned_data["suspended"]


# ---------------------------------------------------------------- forms and templates


def names_of(form: Any) -> set[str]:
    """Return what a form's fields are called on the page."""
    html_names = getattr(form, "html_names", {})
    return {html_names.get(name, name) for name in form.base_fields}


def test_the_forms_read_what_the_templates_send_and_nothing_else() -> None:
    kinds = [
        form
        for form in vars(forms).values()
        if isinstance(form, type) and hasattr(form, "base_fields")
    ]
    read = set().union(*map(names_of, kinds))
    read |= {"ordered", "chose", "only"}  # which fields the form has
    read |= {"next", pending.OWNER}  # of any form of the site
    folder = site_settings.ROOT / "templates" / "progress"
    text = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.html"))
    sent = set(re.findall(r'<(?:input|button|select|textarea)\b[^>]*?\bname="([^"{]+)"', text))
    sent |= set(re.findall(r'name="\{% if part.is_order %\}(\w+)\{% else %\}(\w+)\{%', text)[0])
    assert {name for name in sent if not name.startswith("place-")} - read == set()
    by_script = {"at"}  # review.js
    drawn_by_django = names_of(forms.PlanForm) | names_of(forms.PrivateCardForm)  # _form.html
    unused = {"topic"}  # no page starts a review of one topic
    elsewhere = {"next", pending.OWNER} | by_script | drawn_by_django | unused
    assert read - sent - elsewhere == set()

"""What a browser sends: forms, and the fields of the plain forms of a question. Invalid input is
reported at its field, or refused.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import User
from apps.common.clock import now
from apps.common.errors import BadRequest
from apps.common.fields import MultilineField
from apps.common.text import clean, clean_json, normalize_newlines
from apps.progress import days
from apps.progress.models import (
    MAX_REVIEW_SECONDS,
    MAX_SESSION_CARDS,
    PLAN_MINUTES,
    PLAN_RETENTION,
    Answer,
    Note,
    Plan,
    Rating,
)
from apps.progress.services.answers import Given, Written
from apps.progress.services.attempts import FormState
from apps.questions.limits import MAX_ANSWER_CHARS, MAX_OPTIONS, MAX_POINTS

MAX_OFFLINE = timedelta(weeks=2)  # after which a device's ratings are refused
MAX_UNTIL_INTERVIEW = timedelta(days=3 * 366)
PLAN_BOUNDS = {"minutes": PLAN_MINUTES, "retention": PLAN_RETENTION}


class PlanForm(forms.ModelForm[Plan]):
    class Meta:
        model = Plan
        fields = ["interview", "minutes", "retention", "two_buttons"]
        widgets = {
            "interview": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        }
        help_texts = {
            "interview": gettext_lazy("Leave blank if you have no date yet."),
        }

    def __init__(self, *args: Any, user: User, **more: Any) -> None:
        super().__init__(*args, **more)
        self.user = user
        help_texts = {
            "minutes": _("From %(low)s to %(high)s."),
            "retention": _(
                "From %(low)s to %(high)s %%. Each extra point means noticeably more reviews."
            ),
        }
        for name, (low, high) in PLAN_BOUNDS.items():
            field = self.fields[name]
            field.validators.clear()  # those of the column say "greater than or equal to 0"
            field.widget.attrs |= {"min": low, "max": high}
            field.help_text = help_texts[name] % {"low": low, "high": high}

    def clean_interview(self) -> Any:
        day = self.cleaned_data["interview"]
        today = days.today(self.user.time_zone)
        is_changed = day is not None and day != self.initial.get("interview")
        if is_changed and not today <= day <= today + MAX_UNTIL_INTERVIEW:
            raise forms.ValidationError(_("Choose a date between today and three years from now."))
        return day

    def clean_minutes(self) -> int:
        return self._within("minutes")

    def clean_retention(self) -> int:
        return self._within("retention")

    def _within(self, name: str) -> int:
        value: int = self.cleaned_data[name]
        low, high = PLAN_BOUNDS[name]
        if not low <= value <= high:
            raise forms.ValidationError(
                _("Choose a number from %(low)s to %(high)s.") % {"low": low, "high": high}
            )
        return value


# ---------------------------------------------------------------- forms of a question


class NoteForm(forms.Form):
    """A learner's note; an empty one deletes it."""

    note = MultilineField(
        max_length=Note.MAX_CHARS,
        required=False,
        error_messages={
            "max_length": gettext_lazy(
                "A note has up to %(limit_value)s characters; this one has %(show_value)s."
            )
        },
    )


def text(request: HttpRequest, name: str) -> str:
    return normalize_newlines(clean(request.POST.get(name, "")))[:MAX_ANSWER_CHARS]


def uuid_field(request: HttpRequest, name: str) -> UUID:
    """Return the UUID in a hidden field.

    Raises:
        BadRequest: there is none.
    """
    try:
        return UUID(request.POST.get(name, ""))
    except ValueError:
        raise BadRequest(_("This form has expired. Reload the page and try again.")) from None


def uuid_or_none(request: HttpRequest, name: str) -> UUID | None:
    return uuid_field(request, name) if request.POST.get(name) else None


def uuid_or_404(text: str) -> UUID:
    """Return the UUID in a query string; 404 for anything else."""
    try:
        return UUID(text)
    except ValueError:
        raise Http404("No such attempt.") from None


def form_state(request: HttpRequest) -> FormState:
    """Return what the page of a form showed, and since when."""
    since = None
    if _milliseconds(request, "shown") is not None:
        since = now() - timedelta(seconds=min(seconds_spent(request), MAX_REVIEW_SECONDS))
    return FormState(uuid_or_none(request, "attempt"), whole(request, "revision") or None, since)


def rating(request: HttpRequest) -> int:
    value = request.POST.get("rating", "")
    if value not in {str(rating) for rating in Rating.values}:
        raise BadRequest(_("A grade is 1 (Again), 2 (Hard), 3 (Good) or 4 (Easy)."))
    return int(value)


def whole(request: HttpRequest, name: str, default: int = 0) -> int:
    """Return a small number from a field; `default` for anything else."""
    value = request.POST.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else default


def wholes(request: HttpRequest, name: str) -> list[int]:
    return [
        int(value)
        for value in request.POST.getlist(name)[:MAX_POINTS]
        if value.isascii() and value.isdigit() and len(value) < 4
    ]


def card_list(text: str) -> list[int]:
    """Return the cards that a query string lists with commas, as keys; anything else is left
    out.
    """
    return [
        int(value)
        for value in text.split(",")[:MAX_SESSION_CARDS]
        if value.isascii() and value.isdigit() and len(value) < 18
    ]


def confidence(request: HttpRequest) -> int | None:
    value = whole(request, "confidence")
    return value if value in Answer.Sure.values else None


def answer_fields(request: HttpRequest) -> dict[str, Any]:
    """Return the fields of the answer in a form, as `questions.answers.read_answer` reads them."""
    post = request.POST
    if "ordered" in post:
        return {"order": _in_order(request)}
    if "chose" in post:
        return {"chosen": [clean(key) for key in post.getlist("chosen")]}
    if "own" in post:
        return {"own": clean(post["own"])}
    return {"text": text(request, "text")}


def point_fields(request: HttpRequest) -> dict[str, Any]:
    """Return the fields of the key points that were ticked."""
    return {"ticked": wholes(request, "point")}


def earlier(request: HttpRequest) -> dict[str, dict[str, Any]]:
    """Return the fields of a visitor's earlier answers on this page, by part. Their forms carry
    them, because nothing of a visitor is stored; they are read and marked again, so they need not
    be trusted.
    """
    try:
        answers = clean_json(json.loads(request.POST.get("earlier", "")[:MAX_ANSWER_CHARS]))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(answers, dict):
        return {}
    return {part: fields for part, fields in answers.items() if isinstance(fields, dict)}


def _in_order(request: HttpRequest) -> list[str]:
    """Return the keys of options in the order of their places, without places that are missing or
    given twice.
    """
    keys = [clean(key) for key in request.POST.getlist("order")[:MAX_OPTIONS]]
    places = [request.POST.get(f"place-{key}", "") for key in keys]
    wanted = [str(n + 1) for n in range(len(keys))]
    return [keys[places.index(place)] for place in wanted if places.count(place) == 1]


def given(request: HttpRequest) -> Given:
    """Return when a rating was given, and after how long."""
    return Given(rated_at(request), seconds_spent(request))


def written(request: HttpRequest) -> Written | None:
    """Return what stands in the field of the written answer; None without such a field."""
    if not request.POST.get("text"):
        return None
    return Written(text(request, "text"), uuid_field(request, "key"))


def rated_at(request: HttpRequest) -> datetime:
    """Return when a rating was given: `at` (milliseconds) from a device that was offline; now
    without it.

    Raises:
        BadRequest: it is older than `MAX_OFFLINE`.
    """
    given, present = _milliseconds(request, "at"), now()
    if given is None or given > present:
        return present
    if given < present - MAX_OFFLINE:
        raise BadRequest(
            _(
                "This grade is more than two weeks old and was not accepted. Answer the "
                "question again."
            )
        )
    return given


def seconds_spent(request: HttpRequest) -> float:
    """Return the seconds from when the question was shown to the rating; 0 where the form does not
    carry it.
    """
    shown, at = _milliseconds(request, "shown"), _milliseconds(request, "at") or now()
    return max(0.0, (at - shown).total_seconds()) if shown else 0.0


def _milliseconds(request: HttpRequest, name: str) -> datetime | None:
    value = request.POST.get(name, "")
    if not (value.isascii() and value.isdigit() and len(value) == 13):
        return None
    return datetime.fromtimestamp(int(value) / 1000, UTC)

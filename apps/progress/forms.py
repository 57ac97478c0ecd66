"""What a browser sends: what cannot be read is said where it stands, or refused with what would be
right.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import User
from apps.common.clock import now
from apps.common.errors import BadRequest
from apps.common.fields import MultilineField
from apps.common.text import clean, normalize_newlines
from apps.progress import selectors, services
from apps.progress.attempts import FormState
from apps.progress.models import Answer, Note, Plan, Rating

OFFLINE = timedelta(days=14)  # a device may keep grades for so long before it sends them
MAX_FIELD_CHARS = 40_000  # characters of one field
MAX_CHOSEN = 32  # options of a choice, points of a question
BOUNDS = {"minutes": (5, 240), "retention": (80, 95)}  # of a plan; per cent


class PlanForm(forms.ModelForm[Plan]):
    class Meta:
        model = Plan
        fields = ["interview", "minutes", "retention", "two_buttons"]
        widgets = {
            "interview": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        }
        help_texts = {
            "interview": gettext_lazy("Leave blank if you have no date yet."),
            "minutes": gettext_lazy("From 5 to 240."),
            "retention": gettext_lazy(
                "From 80 to 95 %. Each extra point means noticeably more reviews."
            ),
        }

    def __init__(self, *args: Any, user: User, **more: Any) -> None:
        super().__init__(*args, **more)
        self.user = user
        for name, (low, high) in BOUNDS.items():
            self.fields[name].validators.clear()  # the column's own: "greater than or equal to 0"
            self.fields[name].widget.attrs |= {"min": low, "max": high}

    def clean_interview(self) -> Any:
        day = self.cleaned_data["interview"]
        first = selectors.today(self.user)
        if (
            day is not None
            and day != self.initial.get("interview")
            and not first <= day <= first + timedelta(days=3 * 366)
        ):
            raise forms.ValidationError(_("Choose a date between today and three years from now."))
        return day

    def clean_minutes(self) -> int:
        return self._within("minutes")

    def clean_retention(self) -> int:
        return self._within("retention")

    def _within(self, name: str) -> int:
        value: int = self.cleaned_data[name]
        low, high = BOUNDS[name]
        if not low <= value <= high:
            raise forms.ValidationError(
                _("Choose a number from %(low)s to %(high)s.") % {"low": low, "high": high}
            )
        return value


# ---------------------------------------------------------------- forms of a question


class NoteForm(forms.Form):
    """A learner's note; an empty one takes it away."""

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
    return normalize_newlines(clean(request.POST.get(name, "")))[:MAX_FIELD_CHARS]


def name_of(request: HttpRequest, name: str) -> UUID:
    """Return the UUID in a hidden field.

    Raises:
        BadRequest: there is none.
    """
    try:
        return UUID(request.POST.get(name, ""))
    except ValueError:
        raise BadRequest(_("This form has expired. Reload the page and try again.")) from None


def name_or_none(request: HttpRequest, name: str) -> UUID | None:
    return name_of(request, name) if request.POST.get(name) else None


def seen(request: HttpRequest) -> FormState:
    """Return what the page showed that a form was on, and since when."""
    known = _milliseconds(request, "shown") is not None
    since = (
        now() - timedelta(seconds=min(spent(request), services.MAX_REVIEW_SECONDS))
        if known
        else None
    )
    return FormState(name_or_none(request, "attempt"), whole(request, "revision") or None, since)


def rating(request: HttpRequest) -> int:
    value = request.POST.get("rating", "")
    if value not in {str(each) for each in Rating.values}:
        raise BadRequest(_("A grade is 1 (Again), 2 (Hard), 3 (Good) or 4 (Easy)."))
    return int(value)


def whole(request: HttpRequest, name: str, default: int = 0) -> int:
    """Return a small number from a field; `default` for anything else."""
    value = request.POST.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else default


def wholes(request: HttpRequest, name: str) -> list[int]:
    return [
        int(value)
        for value in request.POST.getlist(name)[:MAX_CHOSEN]
        if value.isascii() and value.isdigit() and len(value) < 4
    ]


def confidence(request: HttpRequest) -> int | None:
    value = whole(request, "confidence")
    return value if value in Answer.Sure.values else None


def said(request: HttpRequest) -> dict[str, Any]:
    """Return the answer in a form: what was typed, the options that were chosen, or the learner's
    own mark of a step.
    """
    if request.POST.get("own") in ("had", "missed"):
        return {"own": request.POST["own"]}
    if "order" in request.POST:
        return {"chosen": _in_order(request)}
    if "chosen" in request.POST or "choice" in request.POST:
        return {"chosen": [clean(key)[:16] for key in request.POST.getlist("chosen")[:MAX_CHOSEN]]}
    return {"text": text(request, "text")}


def earlier(request: HttpRequest) -> dict[str, dict[str, Any]]:
    """Return the answers that a visitor gave before on this page, by part: their forms carry them,
    since nothing of a visitor is stored. They are marked again, so nothing rests on them.
    """
    try:
        sent = json.loads(request.POST.get("earlier", "")[:MAX_FIELD_CHARS])
    except (ValueError, RecursionError):
        return {}
    answers = list(sent.items())[:MAX_CHOSEN] if isinstance(sent, dict) else []
    return {part: _earlier_answer(said) for part, said in answers if isinstance(said, dict)}


def _earlier_answer(sent: dict[str, Any]) -> dict[str, Any]:
    chosen = sent.get("chosen")
    if sent.get("own") in ("had", "missed"):
        return {"own": sent["own"]}
    if isinstance(chosen, list):
        return {"chosen": [clean(str(key))[:16] for key in chosen[:MAX_CHOSEN]]}
    return {"text": clean(str(sent.get("text", "")))}


def _in_order(request: HttpRequest) -> list[str]:
    """Return the keys of options by the places that were given to them; fewer where a place is
    missing or comes twice.
    """
    keys = [clean(key)[:16] for key in request.POST.getlist("order")[:MAX_CHOSEN]]
    places = [request.POST.get(f"place-{key}", "") for key in keys]
    wanted = [str(n + 1) for n in range(len(keys))]
    return [keys[places.index(place)] for place in wanted if places.count(place) == 1]


def moment(request: HttpRequest) -> datetime:
    """Return when a grade was given: `at` (milliseconds) from a device that was offline; now
    without it.

    Raises:
        BadRequest: it is older than devices keep grades.
    """
    given, present = _milliseconds(request, "at"), now()
    if given is None or given > present:
        return present
    if given < present - OFFLINE:
        raise BadRequest(
            _(
                "This grade is more than two weeks old and was not accepted. Answer the "
                "question again."
            )
        )
    return given


def spent(request: HttpRequest) -> float:
    """Return the seconds from when the question was shown to the grade; 0 where it cannot be
    told.
    """
    shown, at = _milliseconds(request, "shown"), _milliseconds(request, "at") or now()
    return max(0.0, (at - shown).total_seconds()) if shown else 0.0


def _milliseconds(request: HttpRequest, name: str) -> datetime | None:
    value = request.POST.get(name, "")
    if not (value.isascii() and value.isdigit() and len(value) == 13):
        return None
    return datetime.fromtimestamp(int(value) / 1000, UTC)

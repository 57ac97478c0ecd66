"""What a browser sends. What a person types is reported at its field where it is invalid; the rest
is a `PlainForm`, which refuses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.forms.models import model_to_dict
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from apps.accounts.models import User
from apps.common.clock import now
from apps.common.fields import (
    CleanTextField,
    CutTextField,
    FlagField,
    HiddenUUIDField,
    MillisecondsField,
    MultilineField,
    NameField,
    PlainForm,
    WholeField,
    WholesField,
    is_whole,
)
from apps.common.text import clean
from apps.common.topics import TOPICS
from apps.progress import days
from apps.progress.fields import EarlierAnswersField, OptionsField, OrderField
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
from apps.questions import private_cards
from apps.questions.limits import MAX_ANSWER_CHARS, MAX_POINTS, MAX_SIDE_CHARS
from apps.questions.models import Revision
from apps.questions.private_cards import CardText

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

    def __init__(self, data: Mapping[str, Any] | None, *, instance: Plan, user: User) -> None:
        """Read `data` if it was sent. With `only` it has the minutes alone (`today.html`), and the
        rest of the plan stays as it is.
        """
        if data is not None and data.get("only") == "minutes":
            rest = model_to_dict(instance, ["interview", "retention", "two_buttons"])
            data = rest | {"minutes": data.get("minutes", "")}
        super().__init__(data, instance=instance)
        self.user = user
        help_texts = {
            "minutes": _("From %(low)s to %(high)s."),
            "retention": _(
                "From %(low)s%% to %(high)s%%. Each extra point means noticeably more reviews."
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


# ---------------------------------------------------------------- forms of a question's page


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


class PrivateCardForm(forms.Form):
    """Both sides of a private card, in the format that it has."""

    front = MultilineField(label=pgettext_lazy("of a card", "Front"), max_length=MAX_SIDE_CHARS)
    back = MultilineField(label=pgettext_lazy("of a card", "Back"), max_length=MAX_SIDE_CHARS)

    def __init__(self, *args: Any, text_format: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.text_format = text_format
        self.fields["front"].widget.attrs["rows"] = 5
        self.fields["back"].widget.attrs["rows"] = 10
        help_texts = {
            private_cards.MARKDOWN: _("Markdown, with TeX: $x^2$, or $$x^2$$ on its own line."),
            private_cards.HTML: _(r"HTML, with TeX: \(x^2\), or \[x^2\] on its own line."),
        }
        for field in self.fields.values():
            field.help_text = help_texts[Revision.TextFormat(text_format)]

    @property
    def text(self) -> CardText:
        sides = self.cleaned_data
        return CardText(sides["front"], sides["back"], self.text_format)


class OriginForm(PlainForm):
    """Which of the files that private cards came from is meant."""

    origin = NameField()

    def clean_origin(self) -> str:
        return clean(self.cleaned_data["origin"])


class BookmarkForm(PlainForm):
    kept = FlagField()


class ReviewedForm(PlainForm):
    """A form that stands on a question's page, and on its card in a review."""

    html_names = {"in_review": "in"}
    in_review = FlagField(on="review")

    @property
    def is_in_review(self) -> bool:
        return bool(self.cleaned_data["in_review"])


class SuspendForm(ReviewedForm):
    suspended = FlagField()


class PageForm(ReviewedForm):
    """What the forms of a question carry of their page (`progress/_form_state.html`)."""

    attempt = HiddenUUIDField(required=False)
    revision = WholeField()
    shown = MillisecondsField()  # when the question came on screen
    at = MillisecondsField()  # when a device that was offline meanwhile took the form

    @property
    def seen(self) -> FormState:
        """What the page showed, and since when."""
        since = None
        if self.cleaned_data["shown"] is not None:
            since = now() - timedelta(seconds=min(self.seconds, MAX_REVIEW_SECONDS))
        return FormState(self.cleaned_data["attempt"], self.cleaned_data["revision"] or None, since)

    @property
    def seconds(self) -> float:
        """The seconds from when the question was shown; 0 where the form does not carry that."""
        shown, at = self.cleaned_data["shown"], self.cleaned_data["at"] or now()
        return max(0.0, (at - shown).total_seconds()) if shown else 0.0


class AnsweredForm(PlainForm):
    """An answer to a part."""

    html_names = {"own_mark": "own"}
    part = NameField()
    order, chosen = OrderField(), OptionsField()
    own_mark = CleanTextField(required=False)
    text = CutTextField(max_chars=MAX_ANSWER_CHARS)

    @property
    def answer(self) -> dict[str, Any]:
        """The fields of the answer, as `questions.answers.read_answer` reads them. A form has those
        of one kind of part; ticks and menus that are left empty are not sent, so a field beside
        them says that they were there.
        """
        sent = self.cleaned_data
        if "ordered" in self.data:
            return {"order": sent["order"]}
        if "chose" in self.data:
            return {"chosen": sent["chosen"]}
        if "own" in self.data:
            return {"own": sent["own_mark"]}
        return {"text": sent["text"]}


class AnswerForm(PageForm, AnsweredForm):
    """A member's answer."""

    html_names = PageForm.html_names | AnsweredForm.html_names
    key = HiddenUUIDField()
    confidence = WholeField()

    def clean_confidence(self) -> int | None:
        confidence: int = self.cleaned_data["confidence"]
        return confidence if confidence in Answer.Sure.values else None


class VisitorsAnswerForm(PageForm, AnsweredForm):
    html_names = PageForm.html_names | AnsweredForm.html_names
    earlier = EarlierAnswersField()


class HintForm(PageForm):
    part = NameField()
    number = WholeField(default=1)


class TimedForm(PageForm):
    """A form that may give a rating."""

    def clean_at(self) -> datetime | None:
        at: datetime | None = self.cleaned_data["at"]
        if at is not None and at < now() - MAX_OFFLINE:
            raise forms.ValidationError(
                _(
                    "This grade is more than two weeks old and was not accepted. Answer the "
                    "question again."
                )
            )
        return at

    @property
    def given(self) -> Given:
        """When the rating was given, and after how long; a clock that is fast counts as now."""
        present = now()
        return Given(min(self.cleaned_data["at"] or present, present), self.seconds)


class RevealForm(TimedForm):
    """The button that reveals, with the field of the written answer, where there is one."""

    text = CutTextField(max_chars=MAX_ANSWER_CHARS)
    key = NameField()

    def clean_key(self) -> UUID | None:
        """Return the key of what was written; without a text it is not needed."""
        if not self.data.get("text"):
            return None
        key: UUID = HiddenUUIDField().clean(self.cleaned_data["key"])
        return key

    @property
    def written(self) -> Written | None:
        """What stands in the field of the written answer; None without such a field."""
        key = self.cleaned_data["key"]
        return Written(self.cleaned_data["text"], key) if key else None


class VisitorsRevealForm(PageForm):
    text = CutTextField(max_chars=MAX_ANSWER_CHARS)
    earlier = EarlierAnswersField()


class GradeForm(TimedForm):
    review_id = HiddenUUIDField()
    rating = forms.TypedChoiceField(
        choices=Rating.choices,
        coerce=int,
        error_messages=dict.fromkeys(
            ("required", "invalid_choice"),
            gettext_lazy("A grade is 1 (Again), 2 (Hard), 3 (Good) or 4 (Easy)."),
        ),
    )


class PointsForm(PageForm):
    """The key points that a written answer covered."""

    html_names = PageForm.html_names | {"ticked": "point"}
    attempt = HiddenUUIDField()
    review_id = HiddenUUIDField(required=False)
    ticked = WholesField(max_values=MAX_POINTS, max_digits=3)

    @property
    def answer(self) -> dict[str, Any]:
        """The fields of the answer, as `questions.answers.read_answer` reads them."""
        return {"ticked": self.cleaned_data["ticked"]}


# ---------------------------------------------------------------- forms of a review


class StartForm(PlainForm):
    html_names = {"is_due_first": "order"}
    new = WholeField()  # questions to add
    topic = NameField()
    is_due_first = FlagField(on="due")

    def clean_topic(self) -> str:
        topic: str = self.cleaned_data["topic"]
        return topic if topic in TOPICS else ""


class SkipForm(PlainForm):
    card = WholeField()


# ---------------------------------------------------------------- query strings


def uuid_or_404(text: str) -> UUID:
    """Return the UUID in a query string; 404 for anything else."""
    try:
        return UUID(text)
    except ValueError:
        raise Http404("No such attempt.") from None


def card_list(text: str) -> list[int]:
    """Return the cards that a query string lists with commas, as keys; anything else is left
    out.
    """
    return [int(value) for value in text.split(",")[:MAX_SESSION_CARDS] if is_whole(value, 17)]

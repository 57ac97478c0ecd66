"""Forms about moderation. What a person types in a form of its own is shown again with what is
wrong; the buttons of the queue are refused.
"""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.common.fields import CutTextField, MultilineField, NameField, PlainForm
from apps.discussions import prepared_reasons
from apps.discussions.limits import MAX_REASON_LENGTH
from apps.discussions.models import Flag

MUTE_DAYS = (1, 3, 7, 30, 365)
TAKING = ("hide", "reject", "lock", "move", "mute", "upheld")  # buttons that take something away


def _named(*names: str) -> list[tuple[str, str]]:
    return [(name, name) for name in names]


class FlagForm(forms.Form):
    reason = forms.ChoiceField(
        label=_("What is wrong with it"), choices=Flag.Reason.choices, widget=forms.RadioSelect
    )
    text = MultilineField(
        label=_("In your own words"),
        required=False,
        max_length=MAX_REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Moderators read it; the author does not."),
    )

    def clean(self) -> dict[str, object]:
        values: dict[str, object] = super().clean() or {}
        if values.get("reason") == Flag.Reason.OTHER and not str(values.get("text", "")).strip():
            self.add_error("text", _("Say in a few words what is wrong."))
        return values


class AppealForm(forms.Form):
    text = MultilineField(
        label=pgettext_lazy("appeal", "Your reply"),
        max_length=MAX_REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_("You can reply once. A moderator reads it and decides."),
        error_messages={"required": _("Say why the decision is wrong; one sentence is enough.")},
    )


class ReasonForm(PlainForm):
    """A prepared sentence, a moderator's own words, or both. A form with several buttons has a
    choice of sentences for those that take something away, and one for those that leave it.
    """

    taken = NameField()
    left = NameField()
    words = CutTextField(max_chars=MAX_REASON_LENGTH)

    def reason(self, *, language: str) -> str:
        """Return the reason of the button that was pressed, as whom it concerns reads it."""
        pressed = self.cleaned_data.get("action") or self.cleaned_data.get("outcome")
        name = self.cleaned_data["taken" if pressed in TAKING else "left"]
        return prepared_reasons.written(name, self.cleaned_data["words"], language=language)


class PostActionForm(ReasonForm):
    action = forms.ChoiceField(choices=_named("hide", "restore", "approve", "reject", "dismiss"))


class ThreadActionForm(ReasonForm):
    action = forms.ChoiceField(choices=_named("lock", "unlock", "move"))
    subject = CutTextField(max_chars=300)
    post = forms.IntegerField(required=False, min_value=1, max_value=2**31)  # its number


class PersonActionForm(ReasonForm):
    action = forms.ChoiceField(choices=_named("mute", "unmute"))
    days = forms.TypedChoiceField(
        required=False, choices=[(days, days) for days in MUTE_DAYS], coerce=int, empty_value="7"
    )
    thread = forms.IntegerField(required=False, min_value=1, max_value=2**62)
    post = forms.IntegerField(required=False, min_value=1, max_value=2**31)


class DecisionForm(ReasonForm):
    outcome = forms.ChoiceField(choices=_named("upheld", "reversed"))

"""Forms of threads and posts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib.auth.models import AnonymousUser
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from apps.accounts.models import User
from apps.common.fields import EXPIRED, FlagField, MultilineField, PlainForm, WholeField
from apps.common.text import clean
from apps.discussions.citations import RUN
from apps.discussions.errors import BadPost
from apps.discussions.limits import (
    MAX_KEY_LENGTH,
    MAX_TEXT_LENGTH,
    MAX_TITLE_LENGTH,
)
from apps.discussions.models import Language
from apps.discussions.services.posts import stored_title
from apps.discussions.subjects import GENERAL, Subject, find_subject

FOLLOW, UNFOLLOW, MUTE = "follow", "unfollow", "mute"
EMPTY_POST = _("Write something first.")


class RunKeysField(forms.Field):
    """Boxes that name runs, of which any number is pressed; what is no key of a run is left out."""

    widget = forms.SelectMultiple

    def __init__(self) -> None:
        super().__init__(required=False)

    def to_python(self, value: Any) -> set[UUID]:
        return {UUID(key) for key in value or [] if RUN.fullmatch(key)}


class TextForm(forms.Form):
    """What every form with a post's text has. With `preview` nothing is stored: the page is shown
    again, with how the text would look.
    """

    text = MultilineField(max_length=MAX_TEXT_LENGTH, error_messages={"required": EMPTY_POST})
    preview = FlagField()
    share = RunKeysField()  # those of the private runs that it cites that are to be shared
    shown = FlagField()  # the reader insisted on seeing a folded thread


class ReplyForm(TextForm):
    """A reply to a thread."""

    key = forms.CharField(max_length=MAX_KEY_LENGTH, error_messages={"required": EXPIRED})


class EditForm(TextForm):
    """The new text of a post."""

    edits = WholeField()  # how often it had been edited when its author opened it


class PreviewForm(forms.Form):
    """A text that is only looked at."""

    text = MultilineField(max_length=MAX_TEXT_LENGTH, required=False)


class TitleField(forms.CharField):
    """A title of one line, in which spaces stand alone."""

    def to_python(self, value: Any) -> str:
        return " ".join(clean(str(value or "")).split())


class ThreadForm(ReplyForm):
    """A new thread, with its first post."""

    title = TitleField(
        label=pgettext_lazy("thread", "Title"),
        max_length=MAX_TITLE_LENGTH,
        widget=forms.TextInput(
            attrs={"dir": "auto", "autocomplete": "off", "data-draft": "thread-new-title"}
        ),
        help_text=_("One sentence, which everybody sees: it gives no answer away."),
        error_messages={
            "required": _("A thread needs a title: ask it in one sentence."),
        },
    )
    language = forms.ChoiceField(label=_("Language"), choices=Language.choices)
    about = forms.CharField(label=pgettext_lazy("thread", "About"), required=False)

    def __init__(self, *args: Any, reader: User | AnonymousUser, **options: Any) -> None:
        super().__init__(*args, **options)
        self.reader = reader

    def clean_title(self) -> str:
        try:
            return stored_title(self.cleaned_data["title"])
        except BadPost as error:
            raise forms.ValidationError(str(error.message)) from None

    def clean_about(self) -> Subject:
        name = self.cleaned_data["about"] or GENERAL
        subject = find_subject(clean(name), self.reader)
        if subject is None:
            raise forms.ValidationError(
                _("There is no such thing, or it is not shared with you. Choose from the list.")
            )
        return subject


class VoteForm(PlainForm):
    value = forms.TypedChoiceField(choices=[("1", "1"), ("-1", "-1"), ("0", "0")], coerce=int)
    shown = FlagField()


class AcceptForm(PlainForm):
    accepted = forms.TypedChoiceField(
        choices=[("1", "1"), ("0", "0")], coerce=lambda value: value == "1"
    )
    shown = FlagField()


class FollowForm(PlainForm):
    how = forms.ChoiceField(choices=[(how, how) for how in (FOLLOW, UNFOLLOW, MUTE)])
    shown = FlagField()


class DeleteForm(PlainForm):
    shown = FlagField()

"""Fields of the forms of a question. Lenient, like those of `common.fields`: what an answer may be
is said by `questions.answers.read_answer` alone.
"""

from __future__ import annotations

import json
from typing import Any

from django import forms

from apps.common.text import clean, clean_json
from apps.questions.limits import MAX_ANSWER_CHARS, MAX_OPTIONS


class OptionsField(forms.Field):
    """The keys of the options that were chosen."""

    widget = forms.MultipleHiddenInput

    def __init__(self) -> None:
        super().__init__(required=False)

    def to_python(self, value: Any) -> list[str]:
        return [clean(key) for key in value or ()]


class PlacesWidget(forms.Widget):
    """Options in the order of the page, each with a menu `place-<key>`."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[tuple[str, str]]:
        """Return the key of each option with its place."""
        keys = [clean(key) for key in data.getlist(name)[:MAX_OPTIONS]]
        return [(key, data.get(f"place-{key}", "")) for key in keys]


class OrderField(forms.Field):
    """The keys of options in the order of their places, without places that are missing or given
    twice.
    """

    widget = PlacesWidget

    def __init__(self) -> None:
        super().__init__(required=False)

    def to_python(self, value: Any) -> list[str]:
        places = [place for _key, place in value]
        wanted = [str(n + 1) for n in range(len(value))]
        return [value[places.index(place)][0] for place in wanted if places.count(place) == 1]


class EarlierAnswersField(forms.Field):
    """A visitor's earlier answers on the page: by part, the fields of each, as JSON. Their forms
    carry them, because nothing of a visitor is stored; they are read and marked again, so they need
    not be trusted.
    """

    def __init__(self) -> None:
        super().__init__(required=False)

    def to_python(self, value: Any) -> dict[str, dict[str, Any]]:
        try:
            answers = clean_json(json.loads(str(value or "")[:MAX_ANSWER_CHARS]))
        except (ValueError, RecursionError):
            return {}
        if not isinstance(answers, dict):
            return {}
        return {part: fields for part, fields in answers.items() if isinstance(fields, dict)}

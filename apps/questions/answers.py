"""What a learner answers, typed: one record for each kind of part, and one function that reads
them, from the fields of a form, from JSON, and from what is stored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from django.utils.translation import gettext as _
from msgspec import Meta, Struct

from apps.common.errors import BadRequest
from apps.questions.limits import MAX_ANSWER_CHARS, MAX_OPTION_KEY_LENGTH, MAX_OPTIONS, MAX_POINTS
from apps.questions.variants import (
    POINTS,
    WRITTEN,
    ChoicePart,
    NumericPart,
    OrderPart,
    QuestionVariant,
    Step,
)

Text = Annotated[str, Meta(max_length=MAX_ANSWER_CHARS)]
OptionKeys = Annotated[
    tuple[Annotated[str, Meta(max_length=MAX_OPTION_KEY_LENGTH)], ...], Meta(max_length=MAX_OPTIONS)
]
PointNumbers = Annotated[
    tuple[Annotated[int, Meta(ge=0, lt=MAX_POINTS)], ...], Meta(max_length=MAX_POINTS)
]


class NumberAnswer(Struct, frozen=True, tag="number"):
    """A number, as typed."""

    text: Text = ""


class ChoiceAnswer(Struct, frozen=True, tag="choice"):
    """The options that were chosen, by key."""

    chosen: OptionKeys = ()


class OrderAnswer(Struct, frozen=True, tag="order"):
    """The options in the order that they were given; without those that have no place."""

    order: OptionKeys = ()


class StepAnswer(Struct, frozen=True, tag="step"):
    """An expression, as typed; or the learner's own mark: had it, or missed it (or gave up)."""

    text: Text = ""
    own: Literal["", "had", "missed"] = ""


class TextAnswer(Struct, frozen=True, tag="text"):
    """An answer in the learner's own words."""

    text: Text = ""


class CodeAnswer(Struct, frozen=True, tag="code"):
    """A solution in Python."""

    text: Text = ""


class PointsAnswer(Struct, frozen=True, tag="points"):
    """The key points that a written answer covered, by number from 0."""

    ticked: PointNumbers = ()


TypedAnswer = (
    NumberAnswer | ChoiceAnswer | OrderAnswer | StepAnswer | TextAnswer | CodeAnswer | PointsAnswer
)


class BadAnswer(BadRequest):
    """An answer is not what its part takes; `extra["field"]` says where."""

    code = "bad-answer"


def answer_type(variant: QuestionVariant, name: str) -> type[TypedAnswer]:
    """Return the type of answer that something of a question takes.

    Raises:
        BadRequest: the question has nothing of this name.
    """
    if name == WRITTEN:
        return CodeAnswer if variant.starter else TextAnswer
    if name == POINTS and variant.points:
        return PointsAnswer
    match variant.marked.get(name):
        case NumericPart():
            return NumberAnswer
        case ChoicePart():
            return ChoiceAnswer
        case OrderPart():
            return OrderAnswer
        case Step():
            return StepAnswer
    raise BadRequest(_("This question has no such part. Reload the page."))


def read_answer(variant: QuestionVariant, name: str, fields: Any) -> TypedAnswer:
    """Return the answer in `fields`, those of its type; fields that are not there are empty.

    Raises:
        BadRequest: the question has nothing of this name.
        BadAnswer: it has no fields, or one is not of its type, too long, or not the answer's.
    """
    kind = answer_type(variant, name)
    tag = kind.__struct_config__.tag
    if not isinstance(fields, Mapping):
        raise BadAnswer(_("An answer is an object with fields."), field="")
    if fields.get("type", tag) != tag:
        message = _("This part takes an answer of the type “%(type)s”.") % {"type": tag}
        raise BadAnswer(message, field="type")
    names = (*kind.__struct_fields__, "type")
    if unknown := sorted(set(fields) - set(names)):
        message = _("“%(field)s” is not a field of this answer. It has: %(fields)s.")
        values = {"field": unknown[0][:40], "fields": ", ".join(names)}
        raise BadAnswer(message % values, field=unknown[0][:40])
    try:
        return msgspec.convert({**fields, "type": tag}, kind)
    except msgspec.ValidationError as error:
        place = re.search(r"`\$\.(\w+)", str(error))
        message = _("This answer cannot be read: %(reason)s.") % {"reason": error}
        raise BadAnswer(message, field=place[1] if place else "") from None


def as_fields(answer: TypedAnswer) -> dict[str, Any]:
    """Return an answer as it is stored and sent: its fields, and its `type`."""
    fields: dict[str, Any] = msgspec.to_builtins(answer)
    return fields

"""Flags; what moderators did with one's own posts, and one's reply to it. What moderators do, they
do on the site.
"""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.endpoint import Endpoint, invalid_form, read
from apps.api.idempotency import creates
from apps.api.paging import page
from apps.api.schema import operation
from apps.api.scopes import Scope
from apps.api.serializers import Id, Input, LongText, Moment, Output, utc, utc_or_none
from apps.discussions import moderation_presenters as presenters
from apps.discussions import services
from apps.discussions.limits import MAX_REASON_LENGTH
from apps.discussions.models import Appeal, Flag, ModerationAction
from apps.discussions.moderation_forms import FlagForm
from apps.discussions.selectors import moderation as selectors
from apps.discussions.selectors import readable_post


class PostFlagEndpoint(Endpoint):
    """While it waits, another one replaces it."""

    tag = "posts"
    scopes = {"PUT": Scope.POST}
    limits = {"PUT": "flags"}

    class PostFlag(Output):
        flag_reason = serializers.ChoiceField(Flag.Reason.choices)
        text = serializers.CharField()
        created_at = Moment()

    class NewFlag(Input):
        flag_reason = serializers.ChoiceField(Flag.Reason.choices)
        text = LongText(
            required=False,
            allow_blank=True,
            max_length=MAX_REASON_LENGTH,
            help_text="For the moderators; the author does not read it. With `other` it is needed.",
        )

    @operation(
        "Tell the moderators of a post",
        request=NewFlag,
        request_example={"flag_reason": "spoiler"},
        response=PostFlag,
        example={
            "flag_reason": "spoiler",
            "text": "",
            "created_at": "2026-11-02T09:00:00.000Z",
        },
    )
    def put(self, request: Request, pk: int, number: int) -> Response:
        post = readable_post(request.user, pk, number)
        data = read(request, self.NewFlag)
        form = FlagForm({"reason": data["flag_reason"], "text": data.get("text", "")})
        if not form.is_valid():
            raise invalid_form(form)
        flag = services.flags.flag(flagger=self.person(), post=post, **form.cleaned_data)
        return Response(
            {"flag_reason": flag.reason, "text": flag.text, "created_at": utc(flag.created_at)}
        )


# ---------------------------------------------------------------- what was done with one's own


class OwnAppeal(Output):
    text = serializers.CharField()
    created_at = Moment()
    appeal_outcome = serializers.ChoiceField(Appeal.Outcome.choices)
    appeal_answer = serializers.CharField(help_text="A moderator's; empty while it is open.")
    decided_at = Moment(allow_null=True)


class ModerationOfOwn(Output):
    id = Id()
    action = serializers.ChoiceField(ModerationAction.Kind.choices)
    sentence = serializers.CharField(help_text="What was done.")
    reason = serializers.CharField()
    thread_id = Id(allow_null=True)
    post_number = serializers.IntegerField(allow_null=True, help_text="Of a post of yours.")
    created_at = Moment()
    ends_at = Moment(allow_null=True, help_text="Of a mute.")
    moved_from = serializers.CharField(help_text="What a thread was about; empty: not moved.")
    moved_to = serializers.CharField()
    appeal = OwnAppeal(allow_null=True)


class ModerationDetail(ModerationOfOwn):
    is_in_force = serializers.BooleanField()
    is_appealable = serializers.BooleanField(help_text="You can still reply to it, once.")


ACTION_EXAMPLE = {
    "id": "7",
    "action": "hide",
    "sentence": "A moderator hid your post",
    "reason": "It gives the answer away.",
    "thread_id": "12",
    "post_number": 3,
    "created_at": "2026-11-02T09:00:00.000Z",
    "ends_at": None,
    "moved_from": "",
    "moved_to": "",
    "appeal": None,
}
DETAIL_EXAMPLE = ACTION_EXAMPLE | {"is_in_force": True, "is_appealable": True}
APPEAL_EXAMPLE = {
    "text": "It is folded.",
    "created_at": "2026-11-02T10:00:00.000Z",
    "appeal_outcome": "open",
    "appeal_answer": "",
    "decided_at": None,
}


def action_data(action: ModerationAction) -> dict[str, Any]:
    appeal, mute = getattr(action, "appeal", None), getattr(action, "mute", None)
    post = action.own_post
    return {
        "id": str(action.pk),
        "action": action.kind,
        "sentence": str(presenters.what_was_done(action)),
        "reason": action.reason,
        "thread_id": str(action.thread_id) if action.thread_id else None,
        "post_number": post.number if post else None,
        "created_at": utc(action.at),
        "ends_at": utc_or_none(mute.ends_at if mute else None),
        "moved_from": str(action.details.get("from", "")),
        "moved_to": str(action.details.get("to", "")),
        "appeal": _appeal(appeal) if appeal else None,
    }


def action_detail(action: ModerationAction) -> dict[str, Any]:
    data, is_in_force = action_data(action), selectors.is_in_force(action)
    can_be_appealed = action.kind in selectors.APPEALABLE and data["appeal"] is None
    return data | {
        "is_in_force": is_in_force,
        "is_appealable": is_in_force and can_be_appealed,
    }


def _appeal(appeal: Appeal) -> dict[str, Any]:
    return {
        "text": appeal.text,
        "created_at": utc(appeal.created_at),
        "appeal_outcome": appeal.outcome,
        "appeal_answer": appeal.answer,
        "decided_at": utc_or_none(appeal.decided_at),
    }


class ModerationActionsEndpoint(Endpoint):
    tag = "moderation"
    scopes = {"GET": Scope.READ}

    @operation(
        "What moderators did with what is yours, the newest first",
        response=ModerationOfOwn,
        example=ACTION_EXAMPLE,
        pages=True,
    )
    def get(self, request: Request) -> Response:
        return page(request, selectors.actions_about(self.person()), action_data)


class ModerationActionEndpoint(Endpoint):
    tag = "moderation"
    scopes = {"GET": Scope.READ}

    @operation("One thing that a moderator did", response=ModerationDetail, example=DETAIL_EXAMPLE)
    def get(self, request: Request, pk: int) -> Response:
        return Response(action_detail(selectors.action_about(self.person(), pk)))


class AppealEndpoint(Endpoint):
    """You can reply once; a moderator reads it and decides."""

    tag = "moderation"
    scopes = {"POST": Scope.POST}
    limits = {"POST": "flags"}

    class NewAppeal(Input):
        text = LongText(max_length=MAX_REASON_LENGTH)

    @operation(
        "Reply to what a moderator did",
        request=NewAppeal,
        request_example={"text": "It is folded."},
        response=ModerationDetail,
        example=DETAIL_EXAMPLE | {"is_appealable": False, "appeal": APPEAL_EXAMPLE},
        status=201,
    )
    @creates
    def post(self, request: Request, pk: int) -> Response:
        action = selectors.action_about(self.person(), pk)
        text = read(request, self.NewAppeal)["text"]
        services.appeals.appeal(person=self.person(), action=action, text=text)
        action = selectors.action_about(self.person(), pk)
        where = reverse("discussions_api:action", args=[pk])
        return Response(action_detail(action), status=201, headers={"Location": where})

"""Endpoints of notices: read, counted, marked, and how one wants to hear of each kind."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.endpoint import Endpoint, read, read_query
from apps.api.paging import list_of, page
from apps.api.schema import operation
from apps.api.scopes import Scope
from apps.api.serializers import Id, Input, Moment, Output, Text, YesOrNo, utc, utc_or_none
from apps.notices import presenters, selectors, services
from apps.notices.models import DEFAULTS, MAX_SUBJECT_LENGTH, Delivery, Kind, Notice


class NoticesEndpoint(Endpoint):
    """Several of one kind about one thing count as one until it is read. None quotes a post."""

    tag = "notices"
    scopes = {"GET": Scope.READ}

    class NoticeFilters(Input):
        is_unread = YesOrNo(required=False)
        subject = Text(required=False, max_length=MAX_SUBJECT_LENGTH)

    class NoticeOfPerson(Output):
        id = Id()
        notice_kind = serializers.ChoiceField(Kind.choices)
        subject = serializers.CharField(help_text="What it is about, by which they are counted.")
        sentence = serializers.CharField(help_text="What happened.")
        title = serializers.CharField(help_text="Of what it leads to.")
        reason = serializers.CharField(help_text="A moderator's; empty: none.")
        actor = serializers.CharField(
            allow_null=True, help_text="Who did it. Null: nobody, or the account is gone."
        )
        event_count = serializers.IntegerField(help_text="How many of these it stands for.")
        created_at = Moment()
        updated_at = Moment(help_text="When the latest of these came.")
        read_at = Moment(allow_null=True)
        url = serializers.URLField(help_text="Of the first that was not read.")

    @operation(
        "Your notices, the latest first",
        response=NoticeOfPerson,
        pages=True,
        parameters=[NoticeFilters],
        example={
            "id": "31",
            "notice_kind": "reply",
            "subject": "thread:12",
            "sentence": "ola replied in your thread",
            "title": "Why does the loss stall without warm-up?",
            "reason": "",
            "actor": "ola",
            "event_count": 1,
            "created_at": "2026-11-02T09:00:00.000Z",
            "updated_at": "2026-11-02T09:00:00.000Z",
            "read_at": None,
            "url": "https://gradus.example/threads/12/posts/2",
        },
    )
    def get(self, request: Request) -> Response:
        asked, rows = read_query(request, self.NoticeFilters), selectors.notices_of(self.person())
        if "is_unread" in asked:
            rows = rows.filter(read_at__isnull=asked["is_unread"])
        if "subject" in asked:
            rows = rows.filter(subject=asked["subject"])
        return page(
            request,
            rows,
            lambda notice: self.show(request, notice),
            ordering=("-updated_at", "-pk"),
        )

    @staticmethod
    def show(request: Request, notice: Notice) -> dict[str, Any]:
        row = presenters.row(notice)
        return {
            "id": str(notice.pk),
            "notice_kind": notice.kind,
            "subject": notice.subject,
            "sentence": row.sentence,
            "title": row.title,
            "reason": row.reason,
            "actor": notice.actor.handle if notice.actor else None,
            "event_count": notice.count,
            "created_at": utc(notice.created_at),
            "updated_at": utc(notice.updated_at),
            "read_at": utc_or_none(notice.read_at),
            "url": request.build_absolute_uri(notice.path),
        }


class UnreadNotices(Output):
    unread_count = serializers.IntegerField(help_text=f"At most {selectors.MAX_COUNTED}.")
    has_more_unread = serializers.BooleanField(help_text="There are that many, or more.")


UNREAD_EXAMPLE = {"unread_count": 2, "has_more_unread": False}


def unread_data(endpoint: Endpoint) -> dict[str, Any]:
    count = selectors.unread_count(endpoint.person())
    return {"unread_count": count, "has_more_unread": count >= selectors.MAX_COUNTED}


class UnreadCountEndpoint(Endpoint):
    tag = "notices"
    scopes = {"GET": Scope.READ}

    @operation(
        "How many of your notices are unread", response=UnreadNotices, example=UNREAD_EXAMPLE
    )
    def get(self, request: Request) -> Response:
        return Response(unread_data(self))


class NoticesReadEndpoint(Endpoint):
    tag = "notices"
    scopes = {"POST": Scope.POST}
    limits = {"POST": "other"}

    class ReadNotices(Input):
        until = serializers.DateTimeField(
            help_text="`updated_at` of the latest that you have read: what came after it stays "
            "unread."
        )
        subject = Text(
            required=False, max_length=MAX_SUBJECT_LENGTH, help_text="Only those about it."
        )

    @operation(
        "Mark your notices as read",
        request=ReadNotices,
        request_example={"until": "2026-11-02T09:00:00.000Z"},
        response=UnreadNotices,
        example=UNREAD_EXAMPLE | {"unread_count": 0},
        description="All of them, up to a time. Of those no mail is sent any more.",
    )
    def post(self, request: Request) -> Response:
        data = read(request, self.ReadNotices)
        services.mark_read(
            person=self.person(),
            subject=data.get("subject"),
            until=_end_of_millisecond(data["until"]),
        )
        return Response(unread_data(self))


def _end_of_millisecond(at: datetime) -> datetime:
    """Return the last moment that the API writes as it writes `at`: its times are cut."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000 + 999)


class NoticeReadEndpoint(Endpoint):
    tag = "notices"
    scopes = {"PUT": Scope.POST}
    limits = {"PUT": "other"}

    @operation("Mark a notice as read")
    def put(self, request: Request, pk: int) -> Response:
        notice = get_object_or_404(Notice, pk=pk, person=self.person())
        services.mark_read(person=self.person(), pks=[notice.pk])
        return Response(status=204)


# ---------------------------------------------------------------- settings


class NoticeSetting(Output):
    notice_kind = serializers.ChoiceField(Kind.choices)
    title = serializers.CharField(help_text="Of the kind.")
    delivery = serializers.ChoiceField(
        Delivery.choices, help_text="Mail goes to a confirmed address alone."
    )
    default_delivery = serializers.ChoiceField(Delivery.choices)


SETTING_EXAMPLE = {
    "notice_kind": "mention",
    "title": "Somebody mentions you",
    "delivery": "at-once",
    "default_delivery": "at-once",
}


def setting_data(kind: Kind, delivery: Delivery) -> dict[str, Any]:
    return {
        "notice_kind": kind.value,
        "title": str(kind.label),
        "delivery": delivery.value,
        "default_delivery": DEFAULTS[kind].value,
    }


class NoticeSettingsEndpoint(Endpoint):
    tag = "notices"
    scopes = {"GET": Scope.READ}

    @operation(
        "How you hear of each kind of notice",
        response=NoticeSetting,
        example=SETTING_EXAMPLE,
        pages=True,
    )
    def get(self, request: Request) -> Response:
        deliveries = selectors.deliveries(self.person())
        return list_of(Kind, lambda kind: setting_data(kind, deliveries[kind]))


class NoticeSettingEndpoint(Endpoint):
    tag = "notices"
    scopes = {"PUT": Scope.POST}
    limits = {"PUT": "other"}

    class NewDelivery(Input):
        delivery = serializers.ChoiceField(Delivery.choices)

    @operation(
        "Change how you hear of a kind of notice",
        request=NewDelivery,
        request_example={"delivery": "digest"},
        response=NoticeSetting,
        example=SETTING_EXAMPLE | {"delivery": "digest"},
    )
    def put(self, request: Request, notice_kind: str) -> Response:
        if notice_kind not in Kind.values:
            raise Http404("No such kind of notice.")
        kind, delivery = Kind(notice_kind), read(request, self.NewDelivery)["delivery"]
        services.change_deliveries(person=self.person(), deliveries={kind: Delivery(delivery)})
        return Response(setting_data(kind, selectors.deliveries(self.person())[kind]))

"""Endpoints of own data: archives, out and in again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.endpoint import Endpoint, read_query
from apps.api.idempotency import creates
from apps.api.paging import list_of
from apps.api.schema import operation
from apps.api.scopes import Scope
from apps.api.serializers import Id, Input, Moment, Output, Text, utc, utc_or_none
from apps.archives import downloads, presenters, selectors
from apps.archives.limits import CHUNK_BYTES, EXPORT_DAYS, MAX_EXPORTS_A_DAY, MAX_UPLOAD_BYTES, MB
from apps.archives.models import MAX_NAME_LENGTH, Export, Import
from apps.archives.services import exports, imports
from apps.common.errors import BadRequest

FILE_TYPES = ("application/zip", "application/octet-stream")


# ---------------------------------------------------------------- out


class ExportShown(Output):
    id = Id()
    state = serializers.ChoiceField(Export.State.choices)
    rows_done = serializers.IntegerField()
    rows_expected = serializers.IntegerField(help_text="0: not counted yet.")
    size_bytes = serializers.IntegerField(allow_null=True, help_text="Of the file, once ready.")
    created_at = Moment()
    ended_at = Moment(allow_null=True)
    expires_at = Moment(allow_null=True, help_text="From then on its file is gone.")


EXPORT = {
    "id": "3d" * 16,
    "state": "done",
    "rows_done": 5120,
    "rows_expected": 5120,
    "size_bytes": 734_003,
    "created_at": "2026-11-29T07:00:00.000Z",
    "ended_at": "2026-11-29T07:00:09.000Z",
    "expires_at": "2026-12-06T07:00:09.000Z",
}
QUEUED = EXPORT | {
    "state": "queued",
    "rows_done": 0,
    "rows_expected": 0,
    "size_bytes": None,
    "ended_at": None,
    "expires_at": None,
}


def show_export(export: Export) -> dict[str, Any]:
    return {
        "id": export.key,
        "state": export.state,
        "rows_done": export.done,
        "rows_expected": export.of,
        "size_bytes": export.size_bytes,
        "created_at": utc(export.created_at),
        "ended_at": utc_or_none(export.ended_at),
        "expires_at": utc_or_none(export.expires_at),
    }


class ExportsEndpoint(Endpoint):
    tag = "own data"
    scopes = {"GET": Scope.ACCOUNT, "POST": Scope.ACCOUNT}
    limits = {"POST": "archives"}

    @operation("Archives of your data", response=ExportShown, pages=True, example=EXPORT)
    def get(self, request: Request) -> Response:
        return list_of(selectors.exports_of(self.person()), show_export)

    @operation(
        "Order an archive of all that is yours",
        description=f"Made in the background, {MAX_EXPORTS_A_DAY} within a day, kept for "
        f"{EXPORT_DAYS} days.",
        response=ExportShown,
        example=QUEUED,
        status=201,
    )
    @creates
    def post(self, request: Request) -> Response:
        export = exports.order(owner=self.person())
        export.refresh_from_db()
        return Response(show_export(export), status=201)


class ExportEndpoint(Endpoint):
    tag = "own data"
    scopes = {"GET": Scope.ACCOUNT, "DELETE": Scope.ACCOUNT}
    limits = {"DELETE": "archives"}

    @operation("How far an archive is", response=ExportShown, example=EXPORT)
    def get(self, request: Request, key: str) -> Response:
        return Response(show_export(selectors.export_for(self.person(), key)))

    @operation("Delete an archive, or stop its making")
    def delete(self, request: Request, key: str) -> Response:
        exports.delete(export=selectors.export_for(self.person(), key))
        return Response(status=204)


class ExportFileEndpoint(Endpoint):
    tag = "own data"
    scopes = {"POST": Scope.ACCOUNT}
    limits = {"POST": "archives"}
    sensitive = frozenset({"POST"})

    @operation(
        "Download an archive",
        description="A POST, since it is recorded in your security activity. One that was cut goes "
        "on with `Range: bytes=<what you have>-`, and is answered with 206.",
        response=OpenApiTypes.BINARY,
        media_type="application/zip",
        other_statuses=(206,),
    )
    def post(self, request: Request, key: str) -> HttpResponseBase:
        export = selectors.export_for(self.person(), key)
        return downloads.send(export, request.headers.get("Range", ""))


# ---------------------------------------------------------------- in again


class ImportCounts(Output):
    card_count = serializers.IntegerField(help_text="New ones.")
    review_count = serializers.IntegerField()
    note_count = serializers.IntegerField()
    bookmark_count = serializers.IntegerField()
    has_plan = serializers.BooleanField()
    private_card_count = serializers.IntegerField(help_text="That are new.")
    changed_private_card_count = serializers.IntegerField(help_text="Whose text changes.")


class ImportedCard(Output):
    question_id = Id()
    review_count = serializers.IntegerField(help_text="In the file.")
    new_review_count = serializers.IntegerField(help_text="Not here yet.")


class DryRun(Output):
    file_kind = serializers.ChoiceField([(imports.ANKI, "Anki"), (imports.GRADUS, "Gradus")])
    takes = ImportCounts()
    matched_cards = ImportedCard(many=True)
    leaves_out = serializers.ListField(child=serializers.CharField(), help_text="In words.")
    private_cards = serializers.ListField(
        child=serializers.CharField(),
        help_text="Fronts of private cards that are added or changed; some of them.",
    )
    unknown = serializers.ListField(
        child=serializers.CharField(),
        help_text="Notes, or questions, that are not taken; some of them.",
    )
    unknown_count = serializers.IntegerField()


class ImportShown(Output):
    id = Id()
    state = serializers.ChoiceField(Import.State.choices)
    file_name = serializers.CharField()
    size_bytes = serializers.IntegerField()
    created_at = Moment()
    ended_at = Moment(allow_null=True)
    reason = serializers.CharField(help_text="Why it cannot be imported.")
    dry_run = DryRun(allow_null=True, help_text="While it waits for you to confirm it.")
    result = ImportCounts(allow_null=True, help_text="Once it was imported.")


COUNTS = {
    "card_count": 3,
    "review_count": 41,
    "note_count": 0,
    "bookmark_count": 0,
    "has_plan": False,
    "private_card_count": 0,
    "changed_private_card_count": 0,
}
UPLOADED = {
    "id": "5e" * 16,
    "state": "uploaded",
    "file_name": "interview.apkg",
    "size_bytes": 120_345,
    "created_at": "2026-11-29T07:00:00.000Z",
    "ended_at": None,
    "reason": "",
    "dry_run": None,
    "result": None,
}
READY = UPLOADED | {
    "state": "ready",
    "dry_run": {
        "file_kind": "anki",
        "takes": COUNTS | {"private_card_count": 1},
        "matched_cards": [
            {"question_id": "relu-pros-cons", "review_count": 20, "new_review_count": 18}
        ],
        "leaves_out": [],
        "private_cards": ["What is a monad?"],
        "unknown": [],
        "unknown_count": 0,
    },
}


def _counts(counts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "card_count": int(counts.get("cards", 0)),
        "review_count": int(counts.get("reviews", 0)),
        "note_count": int(counts.get("notes", 0)),
        "bookmark_count": int(counts.get("bookmarks", 0)),
        "has_plan": bool(counts.get("plan") or counts.get("has_plan")),
        "private_card_count": int(counts.get("private_cards", 0)),
        "changed_private_card_count": int(counts.get("private_changed", 0)),
    }


def show_import(upload: Import) -> dict[str, Any]:
    row = presenters.import_row(upload)
    is_ready = upload.state == Import.State.READY
    return {
        "id": upload.key,
        "state": upload.state,
        "file_name": upload.name,
        "size_bytes": upload.size_bytes,
        "created_at": utc(upload.created_at),
        "ended_at": utc_or_none(upload.ended_at),
        "reason": row.reason,
        "dry_run": _dry_run(upload, row) if is_ready else None,
        "result": _counts(upload.result) if upload.state == Import.State.DONE else None,
    }


def _dry_run(upload: Import, row: presenters.ImportRow) -> dict[str, Any]:
    return {
        "file_kind": upload.plan["kind"],
        "takes": _counts(presenters.counts_of(upload.plan)),
        "matched_cards": [
            {
                "question_id": card.slug,
                "review_count": card.reviews,
                "new_review_count": card.new,
            }
            for card in row.cards
        ],
        "leaves_out": row.left_out,
        "private_cards": [card.front for card in row.private],
        "unknown": row.others,
        "unknown_count": row.other_count,
    }


class ImportsEndpoint(Endpoint):
    tag = "own data"
    scopes = {"GET": Scope.READ, "POST": Scope.STUDY}
    limits = {"POST": "archives"}
    reads_body = False  # it is stored as it comes

    class FileToImport(Input):
        name = Text(
            required=False, allow_blank=True, max_length=MAX_NAME_LENGTH, help_text="Of the file."
        )

    @operation("Your imports", response=ImportShown, pages=True, example=READY)
    def get(self, request: Request) -> Response:
        return list_of(selectors.imports_of(self.person()), show_import)

    @operation(
        "Upload a file to import",
        description="The body is the file: an `.apkg` of Anki, or an archive of Gradus, of up to "
        f"{MAX_UPLOAD_BYTES // MB} MB. It is read in the background; nothing is taken before you "
        "confirm it. One at a time, so a repeat is refused, and needs no idempotency key.",
        request=dict.fromkeys(FILE_TYPES, OpenApiTypes.BINARY),
        parameters=[FileToImport],
        response=ImportShown,
        example=UPLOADED,
        status=201,
    )
    def post(self, request: Request) -> Response:
        if request.content_type.partition(";")[0].strip().lower() not in FILE_TYPES:
            raise UnsupportedMediaType(request.content_type)
        name = read_query(request, self.FileToImport).get("name", "")
        length = request.headers.get("Content-Length", "")
        if not length.isdecimal() or not int(length):
            raise BadRequest(_("Send the file as the body, with its Content-Length."))
        upload = imports.upload(
            owner=self.person(), name=name, size_bytes=int(length), chunks=self._chunks(request)
        )
        upload.refresh_from_db()
        return Response(show_import(upload), status=201)

    @staticmethod
    def _chunks(request: Request) -> Iterator[bytes]:
        return iter(lambda: request._request.read(CHUNK_BYTES), b"")


class ImportEndpoint(Endpoint):
    tag = "own data"
    scopes = {"GET": Scope.READ, "DELETE": Scope.STUDY}
    limits = {"DELETE": "archives"}

    @operation("An import: its dry run, or its result", response=ImportShown, example=READY)
    def get(self, request: Request, key: str) -> Response:
        return Response(show_import(selectors.import_for(self.person(), key)))

    @operation("Discard an import", description="What was confirmed is taken all the same.")
    def delete(self, request: Request, key: str) -> Response:
        imports.discard(upload=selectors.import_for(self.person(), key))
        return Response(status=204)


class ImportConfirmEndpoint(Endpoint):
    tag = "own data"
    scopes = {"POST": Scope.STUDY}
    limits = {"POST": "archives"}

    @operation(
        "Confirm an import",
        description="What the dry run says is taken in the background, all of it or nothing.",
        response=ImportShown,
        example=UPLOADED | {"state": "confirmed"},
    )
    def post(self, request: Request, key: str) -> Response:
        upload = selectors.import_for(self.person(), key)
        imports.confirm(upload=upload)
        upload.refresh_from_db()
        return Response(show_import(upload))

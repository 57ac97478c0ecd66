"""Pages of lists: by a cursor, which costs the same on every page, and leaves nothing out and shows
nothing twice when rows are added meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DataError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.errors import BadCursor
from apps.common.fields import is_whole

DEFAULT_LIMIT, MAX_LIMIT = 25, 100
# what Django and the database raise for the place in a cursor that is no value of its column
UNREADABLE = (ValueError, OverflowError, ValidationError, DataError)


class CursorPages(CursorPagination):
    """`?limit=` and `?cursor=`; the answer has `results`, and the addresses `next` and
    `previous`, or null.
    """

    cursor_query_param, page_size_query_param = "cursor", "limit"
    page_size, max_page_size = DEFAULT_LIMIT, MAX_LIMIT

    def __init__(self, ordering: tuple[str, ...]) -> None:
        super().__init__()
        self.ordering = ordering

    def get_page_size(self, request: Request) -> int:
        text = request.query_params.get("limit", str(DEFAULT_LIMIT))
        if not is_whole(text, 3) or not 1 <= int(text) <= MAX_LIMIT:
            raise BadCursor(_("limit is a whole number from 1 to %(most)s.") % {"most": MAX_LIMIT})
        return int(text)


def page(
    request: Request,
    rows: QuerySet[Any],
    show: Callable[[Any], Any],
    *,
    ordering: tuple[str, ...] = ("-pk",),
    prepare: Callable[[list[Any]], Iterable[Any]] | None = None,
) -> Response:
    """Return a page of a queryset.

    Args:
        show: what a row looks like in the answer.
        ordering: fields, the last of them unique. The first should hardly ever be equal in many
            rows, and none may be null.
        prepare: makes what `show` gets of the rows of the page, for queries of the whole page.
    Raises:
        BadCursor: of no page.
    """
    pages = CursorPages(ordering)
    page_rows = _rows_of(pages, rows.order_by(*ordering), request)
    return Response(
        {
            "results": [show(row) for row in (prepare(page_rows) if prepare else page_rows)],
            "next": pages.get_next_link(),
            "previous": pages.get_previous_link(),
        }
    )


def _rows_of(pages: CursorPages, rows: QuerySet[Any], request: Request) -> list[Any]:
    if not request.query_params.get(pages.cursor_query_param):
        return list(pages.paginate_queryset(rows, request) or [])
    try:
        with transaction.atomic():  # what somebody made up may be what the database refuses
            return list(pages.paginate_queryset(rows, request) or [])
    except (NotFound, *UNREADABLE):
        raise BadCursor(_("This cursor is of no page. Begin without one.")) from None


def list_of(rows: Iterable[Any], show: Callable[[Any], Any]) -> Response:
    """Return a list that is always short, in the shape of a page."""
    return Response({"results": [show(row) for row in rows], "next": None, "previous": None})

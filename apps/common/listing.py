"""Long lists: filters and search words from the address, and pages whose links keep them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import InvalidPage, Page, Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.common.text import clean, displayable

MAX_FILTER_CHARS = 200  # of a filter's value, and of what is searched for
MAX_SEARCH_WORDS = 12
MAX_SHOWN_PAGE_CHARS = 12  # of a page's number that is none
# tags, and entities, of HTML that we have made or cleaned
HTML_TAG = re.compile(r"(<[^>]*>|&[#\w]+;)")
NOT_FILTERS = ("page", "find")  # `find` focuses the search field


def chosen_filters(request: HttpRequest, names: Iterable[str]) -> dict[str, str]:
    """Return the value of each filter; empty where none was chosen."""
    return {name: clean(request.GET.get(name, ""))[:MAX_FILTER_CHARS].strip() for name in names}


def filter_words(chosen: Mapping[str, str], **choices: Iterable[tuple[str, Any]]) -> list[str]:
    """Return what a list is limited to, in the words of its filters: each value's in `choices`, the
    value itself in quotes where that has none, as it may be shown. An order limits nothing.
    """
    return [
        str(
            dict(choices.get(name, ())).get(value) or _("“%(text)s”") % {"text": displayable(value)}
        )
        for name, value in chosen.items()
        if value and name != "order"
    ]


def search_condition(words: str, columns: Collection[str]) -> Q:
    """Return the condition that every one of the words is in some of the columns, in any case.
    Words may be full-width.
    """
    condition = Q()
    for spellings in _spellings(words):
        in_some_column = [
            (f"{column}__icontains", spelling) for column in columns for spelling in spellings
        ]
        condition &= Q(*in_some_column, _connector=Q.OR)
    return condition


def _spellings(words: str) -> list[dict[str, None]]:
    """Return each word as it was entered, and as it is where it was full-width."""
    return [
        dict.fromkeys((word, unicodedata.normalize("NFKC", word)))
        for word in list(dict.fromkeys(words.split()))[:MAX_SEARCH_WORDS]
    ]


def mark_hits(html: str, words: str) -> SafeString:
    """Return safe HTML with `<mark>` around what was searched for; formulas stay as they are."""
    spellings = {escape(spelling) for pair in _spellings(words) for spelling in pair}
    if not spellings:
        return SafeString(html)
    longest_first = sorted(spellings, key=lambda spelling: (-len(spelling), spelling))
    hit = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)
    result, depth = [], 0  # within the elements of a formula
    for piece in HTML_TAG.split(html):
        if HTML_TAG.fullmatch(piece) is None:
            piece = piece if depth else hit.sub(r"<mark>\g<0></mark>", piece)
        elif piece.startswith("<") and (depth or 'class="katex' in piece):
            depth += -1 if piece.startswith("</") else 0 if piece.endswith("/>") else 1
        result.append(piece)
    return SafeString("".join(result))


class ListPage(Page):  # type: ignore[type-arg] # Django's is not generic at run time
    """A page of a list."""

    max_filter_chars = MAX_FILTER_CHARS  # for the search field above it
    link_start = "?page="  # of the links to other pages, before the number; keeps the filters
    missing = ""  # the number that was asked for, where there is no such page; this one is empty

    @property
    def status(self) -> int:
        """The HTTP status of a view that shows it."""
        return 404 if self.missing else 200

    @property
    def links(self) -> list[tuple[str, int]]:
        """What stands between the links to the previous and the next page: each page's number as
        it is shown, and as a number; 0 for a gap.
        """
        around = self.paginator.get_elided_page_range(self.number, on_each_side=1, on_ends=1)
        return [(str(n), n if isinstance(n, int) else 0) for n in around]


def page_of(
    request: HttpRequest,
    rows: QuerySet[Any],
    size: int,
    *,
    count: int | None = None,
    default: int = 1,
) -> ListPage:
    """Return the page that the address asks for, of `rows` in a total order. Where there is no such
    page, it is empty, and says so (`missing`).

    Args:
        count: how many rows there are, where that is known already.
        default: the page where the address asks for none.
    """
    asked = clean(request.GET.get("page", "")).strip()
    filters = [
        (name, value)
        for name, values in request.GET.lists()
        for value in values
        if value and name not in NOT_FILTERS
    ]
    paginator = Paginator(rows, size)
    if count is not None:
        paginator.__dict__["count"] = count  # as its cached property would store it
    try:
        number = paginator.validate_number(asked or default)
        page = ListPage(paginator.page(number).object_list, number, paginator)
    except InvalidPage:
        page = ListPage(rows.none(), paginator.num_pages, paginator)
        page.missing = asked[:MAX_SHOWN_PAGE_CHARS] if paginator.count else ""
    page.link_start = f"?{urlencode([*filters, ('page', '')])}"
    return page

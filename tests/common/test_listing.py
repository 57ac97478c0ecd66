"""Pages of a list, and the condition of a search."""

from __future__ import annotations

import pytest
from django.db.models import Q
from django.test import Client, RequestFactory

from apps.accounts.models import User
from apps.common.listing import (
    MAX_FILTER_CHARS,
    MAX_SEARCH_WORDS,
    ListPage,
    chosen_filters,
    filter_words,
    page_of,
    search_condition,
)

pytestmark = pytest.mark.django_db


def page(query: str, people: int = 5, size: int = 2) -> ListPage:
    User.objects.bulk_create(User(email=f"u{n}@example.org", handle=f"u{n}") for n in range(people))
    rows = User.objects.filter(handle__regex="^u[0-9]$").order_by("handle")
    return page_of(RequestFactory().get(f"/list?{query}"), rows, size)


@pytest.mark.parametrize(
    ("query", "handles"),
    [
        ("", ["u0", "u1"]),
        ("page=", ["u0", "u1"]),
        ("page=1", ["u0", "u1"]),
        ("page=+3+", ["u4"]),
        ("page=%EF%BC%92", ["u2", "u3"]),  # a full-width 2
    ],
)
def test_an_address_names_its_page(query: str, handles: list[str]) -> None:
    there = page(query)
    assert [user.handle for user in there] == handles
    assert (there.status, there.missing) == (200, "")


@pytest.mark.parametrize(
    "number", ["4", "0", "-1", "1.5", "many", "1e9", "%F0%9F%98%80", "9" * 5000]
)
def test_a_page_that_does_not_exist_is_empty_and_named(number: str) -> None:
    there = page(f"page={number}")
    assert not list(there) and there.status == 404
    assert there.missing and len(there.missing) <= 12


def test_an_empty_list_has_one_page_whatever_is_asked_for() -> None:
    there = page("page=7", people=0)
    assert (list(there), there.status, there.number) == ([], 200, 1)


def test_links_keep_the_filters_that_were_chosen() -> None:
    there = page("words=a+%26+b&topic=&page=2&find=1&kind=x&kind=y")
    assert there.link_start == "?words=a+%26+b&kind=x&kind=y&page="
    assert page("page=1", people=0).link_start == "?page="


def test_long_lists_leave_out_pages_between() -> None:
    there = page("page=5", people=10, size=1)
    assert there.links == [
        ("1", 1),
        ("…", 0),
        ("4", 4),
        ("5", 5),
        ("6", 6),
        ("…", 0),
        ("10", 10),
    ]


def test_filters_are_clean_and_short() -> None:
    request = RequestFactory().get("/list", {"topic": " a\x00b ", "words": "x" * 5000})
    chosen = chosen_filters(request, ("topic", "words", "kind"))
    assert chosen == {"topic": "ab", "words": "x" * MAX_FILTER_CHARS, "kind": ""}


def test_every_word_counts_once_and_not_too_many_do() -> None:
    assert search_condition("  ", ["handle"]) == Q()
    words = " ".join(f"w{n} w{n}" for n in range(50))
    assert str(search_condition(words, ["handle"])).count("icontains") == MAX_SEARCH_WORDS
    User.objects.create_user("long@example.org", "a-long-name")
    people = User.objects.filter(search_condition("NAME ｌｏｎｇ", ["handle", "email"]))
    assert [user.handle for user in people] == ["a-long-name"]
    assert not User.objects.filter(search_condition("long other", ["handle", "email"]))


def test_filters_are_told_in_their_words_and_an_order_is_none() -> None:
    chosen = {"topic": "metrics", "kind": "", "words": "re lu", "status": "odd", "order": "due"}
    words = filter_words(chosen, topic=[("metrics", "Metrics")], status=[("due", "due")])
    assert words == ["Metrics", "“re lu”", "“odd”"]
    assert filter_words({"topic": "", "order": "due"}) == []
    assert filter_words({"words": "\u202ereversed"}) == ["“reversed”"], "the line around it stays"


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("/questions?topic=metrics&difficulty=3&order=topic", "Metrics · difficulty 3"),
        ("/questions?words=%3Cb%3E", "“&lt;b&gt;”"),
        ("/labs?kind=training", "training"),
        ("/claims?verdict=holds&words=relu", "holds · “relu”"),
        ("/claims?lab=dead-relu", "“dead-relu”"),
        ("/threads?show=unanswered&language=zh", "unanswered · 中文"),
        ("/moderation?reason=spam", "Spam or advertising"),
        ("/moderation/log?person=mei", "“mei”"),
    ],
)
def test_whatever_a_list_is_limited_to_it_says_so_once_and_offers_all(
    client: Client, address: str, what: str
) -> None:
    client.force_login(User.objects.create_superuser("root@example.org", handle="root"))
    html = client.get(address).content.decode()
    assert f"Only: {what}" in " ".join(html.split()) and html.count(">Show all</a>") == 1
    path = address.partition("?")[0]
    assert f'<a href="{path}">Show all</a>' in html
    assert ">Show all</a>" not in client.get(path).content.decode()

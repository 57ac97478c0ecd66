"""Pages about the site, and what search engines and cards elsewhere read of it."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client
from gradus.site_pages import NOT_SEARCHED

from apps.accounts.models import User
from apps.questions.models import Question
from tests.discussions.conftest import start
from tests.progress.conftest import make_question

pytestmark = pytest.mark.django_db
LOCATION = "{http://www.sitemaps.org/schemas/sitemap/0.9}loc"


def locations(client: Client) -> set[str]:
    answer = client.get("/sitemap.xml")
    assert answer["Content-Type"].startswith("application/xml")
    return {str(element.text) for element in ElementTree.fromstring(answer.content).iter(LOCATION)}


def head_of(client: Client, path: str) -> dict[str, str]:
    """Return what the elements `meta` of a page say, by name or property."""
    html = client.get(path).content.decode()
    return dict(re.findall(r'<meta (?:name|property)="([\w:-]+)" content="([^"]*)">', html))


def test_the_sitemap_has_what_visitors_may_see(client: Client, settings: Any) -> None:
    settings.SITE_URL = "https://gradus.example"
    make_question("why-relu")
    make_question("withdrawn-one")
    Question.objects.filter(slug="withdrawn-one").update(withdrawn=True)
    thread = start(User.objects.create_user("mei@example.org", "mei"))
    addresses = locations(client)
    assert {
        "https://gradus.example/",
        "https://gradus.example/questions/why-relu",
        f"https://gradus.example/threads/{thread.pk}",
        "https://gradus.example/privacy",
    } <= addresses
    assert not any("withdrawn" in address for address in addresses)
    paths = [address.removeprefix(settings.SITE_URL) for address in addresses]
    assert [path for path in paths if client.get(path).status_code != 200] == []


def test_robots_are_told_what_belongs_to_one_person_and_where_the_sitemap_is(
    client: Client, settings: Any
) -> None:
    settings.SITE_URL = "https://gradus.example"
    lines = client.get("/robots.txt").content.decode().splitlines()
    assert lines[0] == "User-agent: *" and "Disallow: /settings" in lines
    assert lines[-1] == "Sitemap: https://gradus.example/sitemap.xml"


def test_nothing_in_the_sitemap_is_forbidden_to_robots(client: Client) -> None:
    make_question("why-relu")
    for address in locations(client):
        path = "/" + address.split("/", 3)[3]
        assert not path.startswith(NOT_SEARCHED), path


def test_a_page_says_what_a_card_needs_that_shows_it_elsewhere(
    client: Client, settings: Any
) -> None:
    settings.SITE_URL = "https://gradus.example"
    make_question("why-relu", html={"title_html_en": 'What does "dead" mean &amp; why?'})
    meta = head_of(client, "/questions/why-relu?reveal=1")
    assert meta["og:title"] == "What does &quot;dead&quot; mean &amp; why?"
    assert meta["og:url"] == "https://gradus.example/questions/why-relu"
    assert "What does &quot;dead&quot; mean" in meta["description"] == meta["og:description"]
    assert meta["og:image"].startswith("https://gradus.example/static/og")


def test_the_page_about_privacy_says_who_runs_the_site_and_for_how_long_things_are_kept(
    client: Client, settings: Any
) -> None:
    settings.AUDIT_KEEP_DAYS, settings.MAIL_KEEP_DAYS = 91, 1
    page = client.get("/privacy").content.decode()
    assert "is run by" not in page and "91 days" in page and "1 day." in page
    settings.SITE_OPERATOR = "Example University <privacy@example.org>"
    page = client.get("/privacy").content.decode()
    assert "run by Example University &lt;privacy@example.org&gt;." in page


def test_the_footer_links_to_the_source_where_the_operator_says_it(
    client: Client, settings: Any
) -> None:
    page = client.get("/about").content.decode()
    assert "MIT License" in client.get("/licence").content.decode()
    assert 'href="/licence"' in page and "Source code" not in page
    settings.SOURCE_URL = "https://code.example/gradus"
    assert 'href="https://code.example/gradus"' in client.get("/about").content.decode()

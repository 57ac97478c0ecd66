"""What is shown to a member is stored by no browser and no proxy."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.accounts.models import User
from tests.accounts.conftest import PASSWORD
from tests.common.browsing import Open, needs_browser

pytestmark = pytest.mark.attack

PRIVATE = "private, no-store"


@pytest.mark.parametrize("path", ["/", "/settings", "/labs", "/progress", "/nothing", "/admin/"])
def test_every_page_of_a_member_is_stored_nowhere(signed_in: Client, path: str) -> None:
    assert signed_in.get(path)["Cache-Control"] == PRIVATE


def test_nor_are_the_answers_that_sign_in_and_out(mei: User) -> None:
    client = Client()
    form = {"login": mei.email, "password": PASSWORD}
    assert client.post("/accounts/login/", form)["Cache-Control"] == PRIVATE
    answer = client.post("/accounts/logout/")
    assert answer["Cache-Control"] == PRIVATE and answer["Clear-Site-Data"] == '"cache"'


@pytest.mark.django_db
def test_a_visitors_page_may_be_stored(client: Client) -> None:
    assert PRIVATE not in client.get("/labs").get("Cache-Control", "")


@pytest.mark.browser
@needs_browser[1]
@needs_browser[2]
def test_after_signing_out_back_shows_nothing(open_page: Open, mei: User) -> None:
    page = open_page("/settings", who=mei)
    assert page.locator("form select[name=time_zone]").count() == 1
    page.evaluate("localStorage.setItem('gradus-draft-1', '1 what I wrote')")
    page.goto(page.url.replace("/settings", "/accounts/logout/"))
    page.locator("main button").click()
    page.wait_for_url("**/")
    page.go_back()
    page.go_back()
    assert "/accounts/login/" in page.url
    assert page.locator("select[name=time_zone]").count() == 0
    assert page.evaluate("localStorage.getItem('gradus-draft-1')") is None

"""In a browser: the policy lets the form lead to the provider and back, and every page is whole."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

import pytest
from django.core.cache import cache
from playwright.sync_api import expect

from apps.accounts.models import User
from tests.accounts.identity_provider import provider_server
from tests.common.browsing import Open, look_over, needs_browser

pytestmark = [*needs_browser, pytest.mark.attack]
HOME = re.compile(r"//[^/]+/$")


def test_somebody_signs_up_and_sees_what_is_connected(
    open_page: Open, site: str, settings: Any
) -> None:
    with provider_server() as server:
        settings.SOCIALACCOUNT_PROVIDERS = server.providers()
        settings.SITE_URL = site
        policy = deepcopy(settings.CONTENT_SECURITY_POLICY)
        policy["DIRECTIVES"]["form-action"].append(server.url)
        settings.CONTENT_SECURITY_POLICY = policy
        cache.clear()
        page = open_page("/accounts/login/")
        look_over(page)
        page.get_by_role("button", name="Continue with GitHub").click()
        page.wait_for_url("**/accounts/signup/with/")
        look_over(page)
        page.get_by_label("Handle").fill("Mei")
        page.get_by_role("button", name="Sign up").click()
        page.wait_for_url(HOME)
        assert User.objects.get(handle="Mei").email == "mei@example.org"
        page.goto("/settings/sign-in")
        expect(page.get_by_text("mei-l")).to_be_visible()
        expect(page.get_by_role("button", name="Connect Google")).to_be_visible()
        look_over(page)

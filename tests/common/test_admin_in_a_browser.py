"""Django's admin on a phone: everything to press has 24 px, or room around it, and nothing breaks
the policy.
"""

from __future__ import annotations

import json

import pytest

from apps.accounts.models import User
from tests.common.browsing import (  # noqa: F401 - fixtures
    AXE,
    Open,
    browser_type_launch_args,
    needs_browser,
    open_page,
    site,
    violations,
)

pytestmark = needs_browser
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
SMALL_TARGETS = """async () => (await axe.run(document, {
        resultTypes: ["violations"], runOnly: { type: "rule", values: ["target-size"] },
        rules: { "target-size": { enabled: true } },
    })).violations.flatMap((v) => v.nodes)
    .map((node) => node.target.join(" ") + " " + node.failureSummary)"""


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_targets_in_the_admin_are_large_enough_on_a_phone(open_page: Open, language: str) -> None:  # noqa: F811
    operator = User.objects.create_superuser("op@example.org", "op", "a long password")
    page = open_page(who=operator, cookies={"language": language}, **PHONE)
    small: dict[str, list[str]] = {}
    for path in ("/admin/", "/admin/accounts/user/", f"/admin/accounts/user/{operator.pk}/change/"):
        page.goto(path)
        page.evaluate(AXE.read_text(encoding="utf-8"))
        if targets := page.evaluate(SMALL_TARGETS):
            small[path] = targets
    assert not small, json.dumps(small, indent=1)
    assert violations(page) == []

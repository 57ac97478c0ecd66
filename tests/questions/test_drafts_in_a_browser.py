"""Two editors with two browsers at one draft."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from apps.accounts.models import User
from apps.questions import services
from tests.common.browsing import (  # noqa: F401 - fixtures
    Open,
    browser_type_launch_args,
    needs_browser,
    open_page,
    site,
    violations,
)
from tests.progress.conftest import make_question

pytestmark = needs_browser


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_later_save_shows_both_texts_first(open_page: Open, language: str) -> None:  # noqa: F811
    editors = [
        User.objects.create_superuser(f"e{n}@example.org", f"e{n}", "a long password")
        for n in range(2)
    ]
    draft = services.draft_from(question=make_question("why-relu", hints=20, points=20))
    url = f"/admin/questions/revision/{draft.pk}/change/"
    mine, theirs = (
        open_page(url, who=editor, cookies={"language": language}) for editor in editors
    )
    theirs.locator("[name=title_en]").fill("Their title")
    theirs.locator("[name=answer_zh]").fill("对方的答案")
    theirs.locator("[name=_continue]").click()
    expect(theirs.locator(".messagelist .success")).to_be_visible()
    mine.locator("[name=title_en]").fill("My title")
    mine.locator("[name=_continue]").click()
    conflicts = mine.locator("#edit-conflicts")
    expect(conflicts).to_contain_text("My title")
    expect(conflicts).to_contain_text("Their title")
    expect(mine.locator("[name=title_en]")).to_have_value("My title")
    expect(mine.locator("[name=answer_zh]")).to_have_value("对方的答案")
    assert violations(mine) == []
    mine.locator("[name=_continue]").click()
    expect(mine.locator(".messagelist .success")).to_be_visible()
    draft.refresh_from_db()
    assert (draft.title_en, draft.answer_zh) == ("My title", "对方的答案")

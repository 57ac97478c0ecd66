"""A package is imported and one of its private cards reviewed, in a browser, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from apps.accounts.models import User
from apps.archives import housekeeping
from apps.progress.models import Review
from apps.questions.models import Question
from tests.archives.anki import add_note, export_from, opened
from tests.common.browsing import Open, look_over, needs_browser, press

pytestmark = needs_browser
WORDS = {
    "en": ("1 new private card", "Your private cards"),
    "zh-hans": ("1 张新的私人卡片", "你的私人卡片"),
}


@pytest.mark.parametrize("language", list(WORDS))
def test_a_note_of_anki_is_imported_and_reviewed(
    open_page: Open, mei: User, tmp_path: Path, language: str
) -> None:
    User.objects.filter(pk=mei.pk).update(language=language)
    mei.refresh_from_db()
    dry_run, heading = WORDS[language]
    path = tmp_path / "deck.apkg"
    with opened(tmp_path) as collection:
        add_note(collection, "What is \\(e^x\\) <b>differentiated</b>?", "Itself: \\[e^x\\]")
        export_from(collection, path, legacy=False)
    page = open_page("/settings/data/import", mei)
    page.locator("[type=file]").set_input_files(path)
    page.locator("form.fields button").click()
    expect(page.locator("progress")).to_be_visible()
    housekeeping.read_and_take_imports()
    expect(page.locator("#imports")).to_contain_text(dry_run)
    expect(page.locator("#imports bdi", has_text="differentiated")).to_be_visible()
    look_over(page)
    page.locator("#imports .btn.pencil").click()
    expect(page.locator("progress")).to_be_visible()
    housekeeping.read_and_take_imports()
    expect(page.locator("#imports")).to_contain_text(dry_run)
    card = Question.with_private.private_to(mei).get()
    page.goto("/private-cards")
    expect(page.locator("h1")).to_have_text(heading)
    expect(page.locator("[data-row]")).to_have_count(1)
    look_over(page)
    page.goto("/review")
    press(page, "Enter")
    expect(page.locator(".statement .katex")).to_have_count(1)
    expect(page.locator(".statement b")).to_have_text("differentiated")
    expect(page.locator("#answer")).to_have_count(0)
    look_over(page)
    press(page, "Space")
    expect(page.locator("#answer .katex-display")).to_be_visible()
    look_over(page)
    press(page, "Space")
    expect(page.locator("#after")).to_be_visible()
    review = Review.objects.get(user=mei)
    assert review.card.question == card and review.rating == 3
    page.goto(f"/questions/{card.slug}")
    page.locator("[data-key=e]").click()
    page.locator("[name=back]").fill("Itself, <i>always</i>.")
    look_over(page)
    page.locator(".btn.ink").click()
    expect(page.locator(".messages")).to_be_visible()
    card.refresh_from_db()
    assert card.current and card.current.answer_en == "Itself, <i>always</i>."

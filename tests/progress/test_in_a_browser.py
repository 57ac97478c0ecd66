"""Study in a browser: by keyboard, offline, without scripts."""

from __future__ import annotations

import re
import uuid

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.experiments import services as labs
from apps.experiments.models import Lab, Run
from apps.progress import selectors
from apps.progress.models import Card, Note, Review, UnreadVerdict
from apps.questions.models import Question
from tests.common.browsing import Open, go_offline, look_over, needs_browser, press, session_of
from tests.experiments.conftest import make_version
from tests.experiments.pages_cast import SURE, loaded, measured, queued
from tests.progress.browsing import (
    PHONE,
    Many,
    begin,
    fetches_ahead,
    learn,
    listens,
    question_slug,
    ratings,
)
from tests.progress.conftest import NUMERIC, make_question, right_number

pytestmark = needs_browser


def answer_of(user: User, question: Question) -> str:
    return f"{right_number(selectors.attempts.current_attempt(user, question).seed):g}"


def test_a_number_by_keyboard_alone(open_page: Open, mei: User, numeric: Question) -> None:
    page = open_page("/questions/how-long", mei)
    press(page, "h")
    expect(page.locator("#hints li")).to_have_count(1)
    press(page, "a")
    page.keyboard.type("-1")
    press(page, "Enter")
    expect(page.locator("#part-1 .said")).to_have_attribute("data-kind", "wrong")
    press(page, "a")
    press(page, "ControlOrMeta+a")
    page.keyboard.type(answer_of(mei, numeric))
    press(page, "Enter")
    expect(page.locator("#part-1 .said")).to_have_attribute("data-kind", "right")
    page.locator("body").evaluate("() => document.activeElement.blur()")
    press(page, "Space")
    expect(page.locator(".g.picked")).to_have_text(re.compile("Again"))
    press(page, "2")
    expect(page.locator(".messages")).to_contain_text("Hard. Next review in")
    assert ratings(numeric) == [2]
    press(page, "u")
    expect(page.locator(".messages")).to_contain_text("Undone: Hard.")
    assert ratings(numeric) == []


def test_a_choice_by_its_numbers(open_page: Open, mei: User, mixed: Question) -> None:
    page = open_page("/questions/all-of-it", mei)
    for key in ("a", "c"):
        press(
            page,
            str(
                1
                + page.locator(".option input").evaluate_all(
                    f"all => all.findIndex(o => o.value === '{key}')"
                )
            ),
        )
    page.get_by_role("button", name="Check the choice").click()
    expect(page.locator("#part-2 .said")).to_have_attribute("data-kind", "right")
    expect(page.locator("#part-2 .because")).to_have_count(3)


def test_the_search_is_one_key_away_from_every_page(open_page: Open, mei: User, many: Many) -> None:
    many(2)
    page = open_page("/progress", mei)
    press(page, "/")
    expect(page.locator("[name=words]")).to_be_focused()
    page.keyboard.type("question-1")
    press(page, "Enter")
    expect(page.locator("[data-row]")).to_have_count(1)
    expect(page.locator("[name=words]")).not_to_be_focused()


def test_space_and_space_is_the_fastest_path_through_a_review(
    open_page: Open, mei: User, many: Many
) -> None:
    learn(mei, many(3))
    page = open_page("/review", mei)
    begin(page)
    for n in range(3):
        press(page, "Space")
        expect(page.locator(".grade")).to_be_visible()
        press(page, "4" if n else "Space")
        if n < 2:
            expect(page.locator("article.q")).to_have_attribute("data-revealed", "0")
    expect(page.locator("h1")).to_have_text("3 of 3 recalled")
    assert Review.objects.count() == 3


def test_a_tap_on_the_sheet_reveals_but_not_where_one_writes(
    open_page: Open, mei: User, numeric: Question
) -> None:
    learn(mei, [numeric])
    page = open_page("/review", mei, has_touch=True, is_mobile=True, **PHONE)
    page.get_by_role("button", name="Start").tap()
    listens(page, "#session")
    page.locator("#part-1-in").tap()
    page.locator("#part-1-in").fill("-1")
    page.locator(".statement").tap()
    expect(page.locator("article.q")).to_have_attribute("data-revealed", "0")
    page.get_by_role("button", name="Check the answer").tap()
    listens(page, ".said[data-kind=wrong]")
    page.locator(".statement").tap()
    expect(page.locator("article.q")).to_have_attribute("data-revealed", "1")


def test_a_report_and_a_plan_without_a_connection_keep_what_was_written(
    open_page: Open, mei: User, concept: Question
) -> None:
    for path, field in (("/questions/why-relu/report", "text"), ("/plan", "minutes")):
        page = open_page(path, mei)
        page.locator(f"[name={field}]").fill("25")
        go_offline(page)
        page.locator("main form .btn.ink").click()
        expect(page.locator(".wrong.offline")).to_be_visible()
        expect(page.locator(f"[name={field}]")).to_have_value("25")
        page.context.set_offline(False)


def test_a_card_that_is_forgotten_comes_back_before_the_end(
    open_page: Open, mei: User, many: Many
) -> None:
    learn(mei, many(2))
    page = open_page("/review", mei)
    begin(page)
    first = question_slug(page)
    for rating in ("1", "4", "3"):
        press(page, "Space")
        expect(page.locator(".grade")).to_be_visible()
        press(page, rating)
        expect(page.locator(".grade")).to_have_count(0)
        if rating == "4":
            expect(page.locator("article.q")).to_have_attribute("data-question", first)
    expect(page.locator("h1")).to_have_text("1 of 2 recalled")


def test_grades_wait_for_a_connection_and_a_count_shows_them(
    open_page: Open, mei: User, many: Many
) -> None:
    learn(mei, many(3))
    page = open_page("/review", mei)
    with fetches_ahead(page):
        begin(page)
    first = question_slug(page)
    with fetches_ahead(page):
        press(page, "Space")
    expect(page.locator(".grade")).to_be_visible()
    go_offline(page)
    press(page, "3")
    expect(page.locator("#unsent")).to_have_text("1 grade has not been sent yet")
    expect(page.locator("article.q")).not_to_have_attribute("data-question", first)
    assert not Review.objects.exists()
    look_over(page)
    page.context.set_offline(False)
    expect(page.locator("#unsent")).to_be_hidden()
    assert Review.objects.count() == 1
    page.reload()
    assert question_slug(page) != first


def test_grades_of_one_account_wait_while_another_is_signed_in(
    open_page: Open, mei: User, sam: User, many: Many
) -> None:
    questions = many(2)
    for user in (mei, sam):
        learn(user, questions)
    page = open_page("/review", mei)
    begin(page)
    press(page, "Space")
    expect(page.locator(".grade")).to_be_visible()
    page.route("**/grade", lambda route: route.abort())
    press(page, "3")
    expect(page.locator("#unsent")).to_have_text("1 grade has not been sent yet")
    sign_in(page, sam)
    page.unroute("**/grade")
    page.goto("/")
    expect(page.locator("#unsent")).to_be_hidden()
    page.goto("/review")
    assert not Review.objects.exists()
    sign_in(page, mei)
    with page.expect_response("**/grade"):
        page.goto("/review")
    assert Review.objects.get().user == mei


def sign_in(page: Page, user: User) -> None:
    root = page.evaluate("location.origin")
    page.goto("about:blank")
    page.context.add_cookies(
        [{"name": name, "value": value, "url": root} for name, value in session_of(user).items()]
    )


def test_a_grade_that_was_not_sent_is_undone_here(open_page: Open, mei: User, many: Many) -> None:
    learn(mei, many(2))
    page = open_page("/review", mei)
    with fetches_ahead(page):
        begin(page)
    first = question_slug(page)
    with fetches_ahead(page):
        press(page, "Space")
    expect(page.locator(".grade")).to_be_visible()
    go_offline(page)
    press(page, "1")
    expect(page.locator("article.q")).not_to_have_attribute("data-question", first)
    press(page, "u")
    expect(page.locator("article.q")).to_have_attribute("data-question", first)
    expect(page.locator("article.q")).to_have_attribute("data-revealed", "0")
    expect(page.locator("#ref, .grade")).to_have_count(0)
    expect(page.locator("#unsent")).to_be_hidden()
    press(page, "Space")
    expect(page.locator(".grade")).to_be_visible()
    page.context.set_offline(False)
    press(page, "4")
    expect(page.locator("article.q")).not_to_have_attribute("data-question", first)
    expect(page.locator(".ticks .ok")).to_have_count(1)
    assert [review.rating for review in Review.objects.all()] == [4]


def test_a_grade_that_was_undone_here_leaves_its_card_unanswered_across_a_reload(
    open_page: Open, mei: User, many: Many
) -> None:
    learn(mei, many(2))
    page = open_page("/review", mei)
    begin(page)
    first = question_slug(page)
    with fetches_ahead(page):
        press(page, "Space")
    expect(page.locator(".grade")).to_be_visible()
    go_offline(page)
    press(page, "1")
    expect(page.locator("article.q")).not_to_have_attribute("data-question", first)
    press(page, "u")
    expect(page.locator("article.q")).to_have_attribute("data-revealed", "0")
    page.context.set_offline(False)
    page.reload()
    assert question_slug(page) == first
    expect(page.locator("article.q")).to_have_attribute("data-revealed", "0")
    page.wait_for_load_state()
    press(page, "Space")
    with page.expect_response("**/grade"):
        press(page, "4")
    assert [review.rating for review in Review.objects.all()] == [4]


def test_undo_across_a_reload(open_page: Open, mei: User, many: Many) -> None:
    learn(mei, many(2))
    page = open_page("/review", mei)
    begin(page)
    first = question_slug(page)
    press(page, "Space")
    expect(page.locator(".grade")).to_be_visible()
    with page.expect_response("**/grade"):
        press(page, "4")
    page.reload()
    assert question_slug(page) != first
    press(page, "u")
    expect(page.locator("article.q")).to_have_attribute("data-question", first)
    expect(page.locator("article.q")).to_have_attribute("data-revealed", "0")


def test_later_pause_suspend_and_end_have_keys(open_page: Open, mei: User, many: Many) -> None:
    learn(mei, many(3))
    page = open_page("/review", mei)
    begin(page)
    first = question_slug(page)
    press(page, "n")
    expect(page.locator("article.q")).not_to_have_attribute("data-question", first)
    press(page, "z")
    expect(page.locator("#paused")).to_be_visible()
    press(page, "Enter")
    expect(page.locator("#paused")).to_be_hidden()
    second = question_slug(page)
    press(page, "s")
    expect(page.locator("article.q")).not_to_have_attribute("data-question", second)
    assert Card.objects.get(question__slug=second).suspended
    press(page, "Escape")
    page.wait_for_url(lambda url: url.endswith("/"))


def test_what_is_written_survives_a_reload(open_page: Open, mei: User, concept: Question) -> None:
    page = open_page("/questions/why-relu", mei)
    page.locator("#written").fill("Because it is cheap.")
    page.reload()
    expect(page.locator("#written")).to_have_value("Because it is cheap.")


def test_a_short_answer_is_printed_and_so_is_the_long_one_below_it(
    open_page: Open, mei: User, db: None
) -> None:
    html = {
        "short_answer_html_en": "<p>It is cheap.</p>",
        "answer_html_en": f"<p>{'So it is. ' * 400}</p>",
        "sources": [{"text": "Glorot (2011)", "url": "https://example.org/glorot"}],
    }
    question = make_question("in-short", html=html)
    page = open_page(f"{question.get_absolute_url()}?reveal=1", None)
    expect(page.locator("#answer")).to_be_hidden()  # folded
    page.emulate_media(media="print")
    for shown in (".short-answer .read", "#answer", ".points li"):
        expect(page.locator(shown).first).to_be_visible()
    after = page.locator("#sources a").evaluate("a => getComputedStyle(a, '::after').content")
    assert after.replace('" "', "") == '" (https://example.org/glorot)"'


@pytest.mark.parametrize("is_member", [True, False])
def test_what_is_written_stays_while_another_part_is_checked(
    open_page: Open, mei: User, is_member: bool
) -> None:
    page_url = make_question(
        "both", kinds=["concept", "numeric"], numeric=NUMERIC
    ).get_absolute_url()
    page = open_page(page_url, mei if is_member else None)
    press(page, "a")
    expect(page.locator("#written")).to_be_focused()
    page.keyboard.type("Because it is cheap.")
    page.locator("#part-1 [name=text]").fill("123456")
    page.locator("#part-1 .btn.pencil").click()
    expect(page.locator("#part-1 .said")).to_have_attribute("data-kind", "wrong")
    expect(page.locator("#written")).to_have_value("Because it is cheap.")
    page.locator("#written").press("Control+Enter")
    expect(page.locator("#ref .wrote")).to_have_text("Because it is cheap.")


def test_code_on_a_phone_is_typed_with_a_row_of_signs(open_page: Open, mei: User, db: None) -> None:
    make_question("by-code", kinds=["code"], starter="def f(x):\n")
    page = open_page("/questions/by-code", mei, has_touch=True, is_mobile=True, **PHONE)
    written = page.locator("#written")
    assert written.evaluate("field => parseFloat(getComputedStyle(field).fontSize)") >= 16
    written.fill("return x0")
    written.evaluate("field => field.setSelectionRange(8, 8)")
    for sign in ("[", "]"):
        page.locator(f".signs [data-sign='{sign}']").tap()
    expect(written).to_have_value("return x[]0")
    look_over(page)
    page.reload()
    expect(written).to_have_value("return x[]0")


def test_the_longest_text_with_line_breaks_and_emoji_is_taken_and_no_longer_one_is_typed(
    open_page: Open, mei: User, concept: Question
) -> None:
    page = open_page("/questions/why-relu", mei)
    note, text = page.locator("[name=note]"), "a\nb\n🦆" + "c" * (Note.MAX_CHARS - 6)
    assert note.evaluate("field => field.maxLength") == Note.MAX_CHARS
    note.fill(text[:-1])
    note.press("ControlOrMeta+End")
    page.keyboard.type("cc")
    expect(note).to_have_value(text)
    page.get_by_role("button", name="Save note").click()
    expect(page.locator(".messages")).to_be_visible()
    assert Note.objects.get().text == text


def test_what_is_written_takes_the_direction_of_its_language(
    open_page: Open, mei: User, concept: Question
) -> None:
    page = open_page("/questions/why-relu", mei)
    for text, direction in (("لأنه رخيص", "rtl"), ("It is cheap.", "ltr")):
        for field in ("#written", "[name=note]"):
            page.locator(field).fill(text)
            expect(page.locator(field)).to_have_css("direction", direction)


def test_each_option_says_what_it_is_in_its_own_colour(
    open_page: Open, mei: User, mixed: Question
) -> None:
    page = open_page("/questions/all-of-it", mei)
    for key in ("a", "b"):
        page.locator(f".option input[value={key}]").check()
    page.get_by_role("button", name="Check the choice").click()
    expect(page.locator("#part-2 .said")).to_have_attribute("data-kind", "wrong")
    press(page, "Space")
    expect(page.locator("#ref")).to_be_visible()
    colours = {
        verdict: page.locator(".because b", has_text=verdict).evaluate_all(
            "all => [...new Set(all.map((b) => getComputedStyle(b).color))]"
        )
        for verdict in ("Right.", "Not this one.")
    }
    passed = page.evaluate("""() => {
      const one = document.createElement("b");
      one.style.color = "var(--pass)";
      document.body.append(one);
      return getComputedStyle(one).color;
    }""")
    assert colours["Right."] == [passed] and passed not in colours["Not this one."]


def test_a_note_and_a_reveal_of_who_was_signed_out_in_another_tab_wait_for_them(
    open_page: Open, mei: User, concept: Question
) -> None:
    mei.set_password("graph paper and pencils")
    mei.save()
    page = open_page("/questions/why-relu", mei)
    page.locator("[name=note]").fill("Ask why.")
    other = page.context.new_page()
    other.goto("/settings")
    other.locator("main form[action='/accounts/logout/'] button").click()
    other.locator(".signin").wait_for()
    page.get_by_role("button", name="Save note").click()
    expect(page.locator("h1")).to_have_text("You are signed out")
    expect(page.locator("main textarea")).to_have_value("Ask why.")
    look_over(page)
    page.locator("main .btn.ink").click()
    page.locator("[name=login]").fill(mei.email)
    page.locator("[name=password]").fill("graph paper and pencils")
    page.locator("main form .btn.pencil").click()
    expect(page.locator("main textarea")).to_have_value("Ask why.")
    assert not Note.objects.exists()
    look_over(page)
    page.locator("main .btn.ink").click()
    expect(page.locator("[name=note]")).to_have_value("Ask why.")
    assert Note.objects.get().text == "Ask why."


def test_an_answer_without_a_connection_stays_in_its_field(
    open_page: Open, mei: User, numeric: Question
) -> None:
    page = open_page("/questions/how-long", mei)
    page.locator("#part-1-in").fill("42")
    go_offline(page)
    press(page, "Enter")
    expect(page.locator(".wrong.offline")).to_be_visible()
    expect(page.locator("#part-1-in")).to_have_value("42")
    page.context.set_offline(False)


def test_a_note_and_a_grade_without_a_connection_stay_where_they_are(
    open_page: Open, mei: User, concept: Question
) -> None:
    page = open_page("/questions/why-relu", mei)
    press(page, "Space")
    expect(page.locator(".grade")).to_be_visible()
    page.locator("[name=note]").fill("Ask why.")
    go_offline(page)
    page.get_by_role("button", name="Save note").click()
    expect(page.locator("#note .wrong.offline")).to_be_visible()
    page.locator(".g[value='4']").click()
    expect(page.locator(".grade-zone .wrong.offline")).to_be_visible()
    expect(page.locator("[name=note]")).to_have_value("Ask why.")
    page.context.set_offline(False)
    page.locator(".g[value='4']").click()
    expect(page.locator(".g.picked")).to_have_text(re.compile("Easy"))
    assert ratings(concept) == [4]


def test_all_of_it_without_scripts(
    open_page: Open, mei: User, numeric: Question, concept: Question
) -> None:
    learn(mei, [numeric, concept])
    page = open_page("/review", mei, java_script_enabled=False)
    page.get_by_role("button", name="Start").click()
    for _n in range(3):
        listens(page, "article.q[data-revealed='0']")
        if question_slug(page) == "how-long" and page.locator("#part-1-in").count():
            page.locator("#part-1-in").fill("-1")
            page.get_by_role("button", name="Check the answer").click()
            expect(page.locator(".said")).to_have_attribute("data-kind", "wrong")
        page.get_by_role("button", name="Reveal the answer").click()
        listens(page, "#ref")
        if page.locator(".next a").count():
            page.locator(".next a").click()
        else:
            page.locator(".grade button[value='4']").first.click()
    listens(page, "article.q[data-revealed='0'], #after")
    assert ratings(numeric)[0] == 1 and ratings(concept) == [4]


def test_a_verdict_is_read_once_it_is_on_screen(
    open_page: Open, mei: User, woken_queues: list[str]
) -> None:
    run = measured(queued(mei, loaded(), prediction=SURE))
    page = open_page("/", mei)
    assert UnreadVerdict.objects.exists()
    with page.expect_response(f"**/verdicts/{run.pk}") as answered:
        page.locator(f".descent a[href='/runs/{run.pk}'], .own-runs a").first.click()
        page.locator("#result .offered").scroll_into_view_if_needed()
    assert answered.value.ok and not UnreadVerdict.objects.exists()
    expect(page.locator("form[action^='/verdicts/']")).to_have_count(0)


def test_runs_that_go_on_are_heard_of_by_one_stream(
    open_page: Open, mei: User, woken_queues: list[str]
) -> None:
    lab = Lab.objects.create(
        slug="dead-relu", topic="activation-functions", kind="training", queue="labs"
    )
    words = {
        "title": {"en": "Dead units", "zh": "死亡单元"},
        "claims": {},
        "config": {},
        "predict": {"form": "none"},
    }
    make_version(lab, "a" * 64, words | {"profile": {"standard": {"seconds": 9}}})
    first, second = (
        labs.queue_run(owner=mei, lab=lab, config={}, key=uuid.uuid4().hex) for _n in range(2)
    )
    page = open_page("/about:blank", mei)
    asked: list[str] = []
    page.on(
        "request", lambda request: asked.append(request.url) if "/events" in request.url else None
    )
    page.goto("/")
    for run, others in ((first, "Queued, no worker connected"), (second, "Stopped")):
        other = second if run is first else first
        labs.end_run(Run.objects.get(pk=run.pk), "cancelled")
        expect(page.locator(f"[data-run='{run.pk}']")).to_have_text("Stopped")
        expect(page.locator(f"[data-run='{other.pk}']")).to_have_text(others)
    assert len(asked) == 1


def test_an_order_is_arranged_by_keys_and_its_result_has_the_focus(
    open_page: Open, mei: User, db: None
) -> None:
    order = [{"right": ["c", "a", "b"]}]
    page = open_page(
        make_question("in-order", kinds=["choice"], order=order).get_absolute_url(), mei
    )
    expect(page.locator("select").first).to_be_hidden()
    for place, key in enumerate("cab"):
        row = page.locator(f".options li:has([name=place-{key}])")
        while (at := int(row.locator("select").input_value()) - 1) > place:
            row.locator(".move").first.focus()
            page.keyboard.press("ArrowUp")
            expect(row.locator("select")).to_have_value(str(at))
    page.get_by_role("button", name="Check the order").click()
    expect(page.locator(".said[data-kind=right]")).to_be_focused()
    look_over(page)


def test_an_error_goes_when_it_is_mended_and_a_list_is_found_again(
    open_page: Open, mei: User, numeric: Question
) -> None:
    page = open_page("/questions?difficulty=2", mei)
    page.locator("[data-row]").click()
    page.locator("#part-1-in").fill("what?")
    page.get_by_role("button", name="Check the answer").click()
    expect(page.locator(".said[data-kind=unread]")).to_be_visible()
    page.locator("#part-1-in").press_sequentially("4")
    expect(page.locator(".said")).to_have_count(0)
    page.locator(".ways [data-back-to-list]").click()
    expect(page).to_have_url(re.compile(r"/questions\?.*difficulty=2"))

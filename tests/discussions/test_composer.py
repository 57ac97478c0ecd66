"""Writing posts by plain forms: threads, replies, edits, previews, quotes."""

from __future__ import annotations

import re
from html import unescape

import pytest

from apps.accounts.models import User
from apps.discussions import services
from apps.discussions.languages import language_of
from apps.discussions.limits import MAX_TEXT_LENGTH
from apps.discussions.models import Post, PostRevision, Thread
from apps.discussions.subjects import Subject
from apps.questions.models import Question
from tests.discussions.conftest import reply, start
from tests.discussions.pages import HTMX, REPLY, article, browser, field, html_of, url
from tests.experiments.pages_cast import loaded, queued

NEW = "/threads/new"
THREAD = {
    "title": "Why does it stall?",
    "text": "I set $\\eta$ to zero.",
    "language": "en",
    "about": "general",
    "key": "k",
}


def written(html: str) -> str:
    """Return what stands in the field of a post's text."""
    return unescape(re.findall(r'<textarea id="text".*?>\n(.*?)</textarea>', html, re.DOTALL)[0])


# ---------------------------------------------------------------- a new thread


def test_a_new_thread_begins_with_its_first_post(mei: User) -> None:
    answer = browser(mei).post(NEW, THREAD)
    thread = Thread.objects.get()
    assert answer["Location"] == f"/threads/{thread.pk}"
    assert (thread.title, thread.author, thread.about) == ("Why does it stall?", mei, "general")
    assert browser(mei).post(NEW, THREAD)["Location"] == answer["Location"], "sent twice"
    assert Post.objects.count() == 1


def test_a_new_thread_is_about_the_page_that_it_comes_from(
    mei: User, question: Question, woken_queues: list[str]
) -> None:
    run = queued(mei, loaded())
    html = html_of(f"{NEW}?about=run:{run.pk}&cite=%5Brun:{run.pk}%5D", mei)
    assert written(html) == f"[run:{run.pk}]\n\n"
    options = re.findall(r'<option value="([^"]*)"', html)
    assert options[:3] == [f"run:{run.pk}", "lab:dead-relu", "general"]
    html = html_of(f"{NEW}?about=question:{question.slug}", mei)
    assert f'value="question:{question.slug}" selected' in html and "lab:dead-relu" in html
    browser(mei).post(NEW, THREAD | {"about": f"question:{question.slug}"})
    assert Thread.objects.get().question == question


@pytest.mark.parametrize("about", ["question:nothing", "run:x", "nonsense", "lab:\x00"])
def test_a_subject_that_is_not_there_is_said_at_its_field(mei: User, about: str) -> None:
    answer = browser(mei).post(NEW, THREAD | {"about": about})
    html = answer.content.decode()
    assert answer.status_code == 422 and "There is no such thing" in html
    assert written(html) == THREAD["text"] and 'value="Why does it stall?"' in html
    assert browser(mei).get(NEW, {"about": about}).status_code == 200
    assert not Thread.objects.exists()


def test_a_run_of_somebody_else_is_no_subject(
    mei: User, sam: User, woken_queues: list[str]
) -> None:
    run = queued(mei, loaded())
    answer = browser(sam).post(NEW, THREAD | {"about": f"run:{run.pk}"})
    assert answer.status_code == 422 and not Thread.objects.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"title": ""}, "A thread needs a title"),
        ({"title": "  short \t "}, "at least 8"),
        ({"title": "x" * 151}, "at most 150"),
        ({"text": " \n "}, "Write something first."),
        ({"text": "x" * (MAX_TEXT_LENGTH + 1)}, "at most 20000"),
        ({"language": "fr"}, "is not one of the available choices"),
        ({"key": ""}, "This form has expired"),
    ],
)
def test_wrong_input_keeps_everything(mei: User, change: dict[str, str], words: str) -> None:
    sent = THREAD | change
    answer = browser(mei).post(NEW, sent)
    html = answer.content.decode()
    assert answer.status_code == 422 and words in html.replace(",", "")
    assert written(html).strip() == sent["text"].strip() and not Thread.objects.exists()


def test_a_visitor_is_asked_to_sign_in_and_comes_back(db: None) -> None:
    answer = browser().get(f"{NEW}?about=general")
    assert answer["Location"] == "/accounts/login/?next=/threads/new%3Fabout%3Dgeneral"


# ---------------------------------------------------------------- a reply


def test_a_reply_leads_to_its_place_and_is_posted_once(thread: Thread, ola: User) -> None:
    client = browser(ola)
    assert client.post(url(thread, "/reply"), REPLY)["Location"] == url(thread, "#post-2")
    assert client.post(url(thread, "/reply"), REPLY)["Location"] == url(thread, "#post-2")
    assert thread.posts.count() == 2


def test_another_text_with_a_key_that_was_used_is_not_lost(thread: Thread, ola: User) -> None:
    client = browser(ola)
    client.post(url(thread, "/reply"), REPLY)
    answer = client.post(url(thread, "/reply"), REPLY | {"text": "Another thought."})
    html = answer.content.decode()
    assert answer.status_code == 422 and "was sent before, with another text" in html
    assert written(html) == "Another thought." and field(html, "key") != "k"
    answer = client.post(
        url(thread, "/reply"), {"text": "Another thought.", "key": field(html, "key")}
    )
    assert answer["Location"] == url(thread, "#post-3")


def test_an_empty_reply_is_said_at_the_field(thread: Thread, ola: User) -> None:
    answer = browser(ola).post(url(thread, "/reply"), REPLY | {"text": " "})
    assert answer.status_code == 422 and "Write something first." in answer.content.decode()


def test_a_refused_reply_comes_back_with_its_text(thread: Thread, ola: User) -> None:
    Thread.objects.update(last_number=5_000)
    answer = browser(ola).post(url(thread, "/reply"), REPLY | {"text": "Kept <b>text</b>"})
    html = answer.content.decode()
    assert answer.status_code == 409 and "This thread is full." in html
    assert written(html) == "Kept <b>text</b>"
    problem = browser(ola).post(
        url(thread, "/reply"), REPLY, headers={"accept": "application/json"}
    )
    assert problem.json()["code"] == "thread-full"


def test_a_reply_to_what_was_locked_or_hidden_meanwhile_can_be_copied(
    thread: Thread, ola: User
) -> None:
    for change in ({"locked_at": thread.created_at}, {"state": "hidden"}):
        Thread.objects.update(**change)
        answer = browser(ola).post(url(thread, "/reply"), REPLY)
        assert answer.status_code in (404, 409)
        assert "Because of the step." in answer.content.decode()


@pytest.mark.parametrize(
    ("text", "language"),
    [("Because of the step.", "en"), ("因为 Adam 的 step size 太大", "zh"), ("$\\eta$ 42", "en")],
)
def test_the_language_of_a_post_is_that_of_its_text(
    thread: Thread, ola: User, text: str, language: str
) -> None:
    browser(ola).post(url(thread, "/reply"), REPLY | {"text": text})
    assert thread.posts.get(number=2).language == language
    assert language_of("42", "zh") == "zh"


# ---------------------------------------------------------------- preview, quote, runs


def test_a_preview_says_what_is_wrong_and_where_and_stores_nothing(
    thread: Thread, ola: User
) -> None:
    text = "First line 😀\n\nand $\\frac{1}{$ of it"
    html = browser(ola).post("/threads/preview", {"text": text}, headers=HTMX).content.decode()
    assert "Line 3" in html and "TeX" in html and "<html" not in html
    offset = int(re.findall(r'data-place-in-text="(\d+)"', html)[0])
    units = text.encode("utf-16-le")[2 * offset :].decode("utf-16-le")
    assert units.startswith(("$", "\\frac"))
    assert Post.objects.count() == 1


def test_without_scripts_the_page_shows_the_preview_and_keeps_the_text(
    thread: Thread, mei: User
) -> None:
    client = browser(mei)
    edit = url(thread, "/posts/1/edit")
    for path, form in ((url(thread, "/reply"), REPLY), (NEW, THREAD), (edit, REPLY)):
        answer = client.post(path, form | {"text": "**bold** text", "preview": "1"})
        html = answer.content.decode()
        assert answer.status_code == 200 and "<strong>bold</strong>" in html, path
        assert written(html) == "**bold** text"
    assert Post.objects.count() == 1 and not PostRevision.objects.exists()


def test_a_preview_of_nothing_or_too_much_says_so(thread: Thread, ola: User) -> None:
    client = browser(ola)
    for text, words in ((" ", "nothing to show"), ("x" * 20_001, "at most")):
        html = client.post("/threads/preview", {"text": text}, headers=HTMX).content.decode()
        assert words in html


def test_a_quote_names_who_wrote_it_and_leaves_out_what_they_quote_or_fold(
    thread: Thread, ola: User, mei: User
) -> None:
    text = "> earlier\n\nIt is **this**:\n\n>! secret\n\n$\\eta$"
    reply(ola, thread, text)
    expected = f"> [ola]({url(thread, '/posts/2')}):\n>\n> It is **this**:\n>\n> $\\eta$\n\n"
    assert browser(mei).get(url(thread, "/posts/2/quote")).content.decode() == expected
    assert written(html_of(url(thread, "?quote=2"), mei)) == expected
    assert written(html_of(url(thread, "?quote=x"), mei)) == ""
    long = reply(ola, thread, "word " * 900)
    quoted = browser(mei).get(url(thread, f"/posts/{long.number}/quote")).content.decode()
    assert len(quoted) < 1_100 and quoted.endswith(" …\n\n")


def test_ones_newest_runs_can_be_cited(mei: User, ola: User, woken_queues: list[str]) -> None:
    run = queued(mei, loaded())
    html = html_of("/threads/runs", mei)
    assert f"[run:{run.pk}]" in html and "private" in html
    assert "You have no runs yet." in html_of("/threads/runs", ola)


# ---------------------------------------------------------------- edits


def test_an_edit_replaces_the_text(thread: Thread, mei: User) -> None:
    path = url(thread, "/posts/1/edit")
    html = html_of(path, mei)
    assert written(html) == "I set warm-up to zero, and $\\eta$ stayed."
    answer = browser(mei).post(path, {"text": "Another text", "edits": field(html, "edits")})
    assert answer["Location"] == url(thread, "#post-1")
    assert "Another text" in article(html_of(url(thread)), 1)


def test_of_two_edits_at_once_the_second_sees_both_texts_and_may_save_again(
    thread: Thread, mei: User
) -> None:
    path, client = url(thread, "/posts/1/edit"), browser(mei)
    client.post(path, {"text": "Text of one tab", "edits": "0"})
    answer = client.post(path, {"text": "Text of the other", "edits": "0"})
    html = answer.content.decode()
    assert answer.status_code == 409 and "edited elsewhere" in html
    assert '<pre class="stored" dir="auto">Text of one tab</pre>' in html
    assert "<ins>" in html and written(html) == "Text of the other"
    answer = client.post(path, {"text": "Text of the other", "edits": field(html, "edits")})
    assert answer.status_code == 302 and Post.objects.get().text == "Text of the other"


def test_only_its_author_edits_or_deletes_a_post(thread: Thread, ola: User, ada: User) -> None:
    for person in (ola, ada):
        client = browser(person)
        assert client.get(url(thread, "/posts/1/edit")).status_code == 403
        assert client.post(url(thread, "/posts/1/edit"), REPLY).status_code == 403
        assert client.post(url(thread, "/posts/1/delete")).status_code == 403
    assert Post.objects.get().edits == 0


def test_a_deleted_post_leaves_its_place_and_a_lonely_thread_goes(
    thread: Thread, mei: User, ola: User
) -> None:
    post = reply(ola, thread)
    answer = browser(ola).post(url(thread, "/posts/2/delete"))
    assert answer["Location"] == url(thread, "#post-2")
    assert browser(ola).get(url(thread, "/posts/2/edit")).status_code == 410
    assert browser(mei).post(url(thread, "/posts/1/delete"))["Location"] == "/threads"
    assert browser(mei).get(url(thread)).status_code == 404
    post.refresh_from_db()
    assert post.text == ""


def test_a_refused_edit_keeps_the_text(thread: Thread, mei: User) -> None:
    Thread.objects.update(locked_at=thread.created_at)
    answer = browser(mei).post(url(thread, "/posts/1/edit"), REPLY | {"edits": "0"})
    assert answer.status_code == 409 and written(answer.content.decode()) == REPLY["text"]


def test_a_post_that_waits_can_be_edited_by_its_author(thread: Thread, mei: User) -> None:
    Post.objects.update(state="pending")
    answer = browser(mei).post(url(thread, "/posts/1/edit"), {"text": "Better", "edits": "0"})
    assert answer.status_code == 302 and Post.objects.get().state == "pending"


def test_a_thread_sent_twice_with_another_text_says_so(mei: User) -> None:
    start(mei, Subject(Thread.About.GENERAL), key="k", title=THREAD["title"])
    answer = browser(mei).post(NEW, THREAD)
    assert answer.status_code == 422 and written(answer.content.decode()) == THREAD["text"]
    post = Post.objects.get()
    services.posts.edit_post(author=mei, post=post, text="edited since", edits=0)
    assert browser(mei).post(NEW, THREAD).status_code == 302, "what it said cannot be compared"


def test_the_toolbar_names_what_it_inserts(thread: Thread, mei: User) -> None:
    html = html_of(url(thread), mei)
    for part in ('data-insert="$|$"', 'data-prefix="&gt;! "', 'data-hx-get="/threads/runs"'):
        assert part in html
    assert f'maxlength="{MAX_TEXT_LENGTH}"' in html


@pytest.mark.parametrize("title", ["损失为何停滞", "Why 停滞?"])
def test_a_chinese_title_is_as_long_as_it_says(mei: User, title: str) -> None:
    browser(mei).post(NEW, THREAD | {"title": title})
    assert Thread.objects.get().title == title


def test_a_title_has_no_tower_of_marks(mei: User) -> None:
    browser(mei).post(NEW, THREAD | {"title": "Why does it sta" + "\u0301" * 60 + "ll?"})
    assert Thread.objects.get().title.count("\u0301") == 4


def test_an_edit_in_a_thread_that_was_hidden_meanwhile_gives_the_text_back(
    thread: Thread, ola: User
) -> None:
    reply(ola, thread)
    Thread.objects.update(state="hidden")
    answer = browser(ola).post(url(thread, "/posts/2/edit"), {"text": "A long text.", "edits": 0})
    assert answer.status_code == 404
    assert "A long text." in answer.content.decode()


def test_a_flag_of_a_post_that_is_gone_meanwhile_gives_the_words_back(
    thread: Thread, ola: User, sam: User
) -> None:
    reply(ola, thread)
    Thread.objects.update(state="hidden")
    form = {"reason": "other", "text": "It copies a paper."}
    answer = browser(sam).post(url(thread, "/posts/2/flag"), form)
    assert (answer.status_code, "It copies a paper." in answer.content.decode()) == (404, True)

"""Pages about moderation: the flag, the queue with its buttons, the log, and the appeal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group
from django.db import connection
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from apps.accounts.models import User
from apps.common.clock import now
from apps.discussions import limits, prepared_reasons, services
from apps.discussions.models import Appeal, Flag, ModerationAction, Mute, Post, State, Thread
from apps.discussions.selectors import moderation as selectors
from apps.discussions.services import appeals, moderation
from apps.discussions.subjects import Subject
from apps.progress.services import answers
from apps.questions.models import Question
from tests.common.browsing import Open, look_over, needs_browser, press
from tests.common.reauthenticating import enter_password
from tests.discussions.conftest import make_person, reply, start
from tests.discussions.pages import browser
from tests.progress.browsing import PHONE

MAX_QUERIES = 12


@pytest.fixture
def post(thread: Thread, ola: User) -> Post:
    return reply(ola, thread, "Kaiming says so.")


@pytest.fixture
def eve(ada: User) -> User:
    """Another moderator."""
    eve = make_person("eve")
    eve.groups.add(Group.objects.get(name="moderator"))
    return eve


@pytest.fixture
def browser_of() -> Callable[[User], Client]:
    def browser_of(user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return browser_of


Browsers = Callable[[User], Client]


def text_of(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


# ---------------------------------------------------------------- the flag


def test_a_reader_flags_a_post_and_comes_back_to_it(
    post: Post, sam: User, browser_of: Browsers
) -> None:
    client, url = browser_of(sam), f"/threads/{post.thread_id}/posts/{post.number}/flag"
    page = client.get(url)
    assert "Kaiming says so." in text_of(page) and "Rude or harassing" in text_of(page)
    answer = client.post(url, {"reason": "rude", "text": "It mocks Mei."})
    assert answer["Location"] == post.get_absolute_url()
    assert list(Flag.objects.values_list("reason", "text", "flagger__handle")) == [
        ("rude", "It mocks Mei.", "sam")
    ]


@pytest.mark.parametrize("form", [{}, {"reason": "nonsense"}, {"reason": "other", "text": " "}])
def test_a_flag_without_what_is_wrong_is_shown_again(
    post: Post, sam: User, browser_of: Browsers, form: dict[str, str]
) -> None:
    url = f"/threads/{post.thread_id}/posts/{post.number}/flag"
    page = browser_of(sam).post(url, form)
    assert page.status_code == 422 and 'class="wrong"' in text_of(page)
    assert not Flag.objects.exists()


def test_the_form_is_not_offered_for_ones_own_post_or_a_hidden_one(
    post: Post, sam: User, ola: User, ada: User, browser_of: Browsers
) -> None:
    url = f"/threads/{post.thread_id}/posts/{post.number}/flag"
    assert "This is your own post" in text_of(browser_of(ola).get(url))
    assert browser_of(ola).post(url, {"reason": "spam"}).status_code == 403
    moderation.hide(moderator=ada, post=post, reason="It is rude.")
    page = text_of(browser_of(sam).get(url))
    assert "have this post before them" in page and "Kaiming" not in page
    assert browser_of(sam).post(url, {"reason": "spam"}).status_code == 410


# ---------------------------------------------------------------- the queue


def test_the_queue_is_empty_at_first(ada: User, browser_of: Browsers) -> None:
    page = browser_of(ada).get("/moderation")
    assert page.status_code == 200 and "Nothing waits" in text_of(page)


def wait_for_moderators(thread: Thread, mei: User, ola: User, sam: User, ada: User) -> None:
    """Have a flagged post, one that awaits approval, and an appeal."""
    flagged = reply(ola, thread, "You are a **fool**.")
    services.flags.flag(flagger=sam, post=flagged, reason="rude", text="Look at that.")
    services.flags.flag(flagger=mei, post=flagged, reason="rude")
    waiting = reply(sam, thread, "Please approve me.")
    Post.objects.filter(pk=waiting.pk).update(state=State.PENDING, search=None, published_at=None)
    hidden = reply(ola, thread, "Too hasty.")
    action = moderation.hide(moderator=ada, post=hidden, reason="It is rude.")
    appeals.appeal(person=ola, action=action, text="It was a joke.")


def test_the_queue_shows_what_waits_with_its_context_the_oldest_first(
    thread: Thread, mei: User, ola: User, sam: User, ada: User, eve: User, browser_of: Browsers
) -> None:
    wait_for_moderators(thread, mei, ola, sam, ada)
    page = browser_of(eve).get("/moderation")
    text = text_of(page)
    assert [item.kind for item in page.context["items"]] == ["flagged", "pending", "appealed"]
    assert page.context["waiting"].of("") == 3
    for shown in (
        "Flagged 2 times",
        "You are a <strong>fool</strong>.",
        "Look at that.",
        "Please approve me.",
        "It was a joke.",
        "It is rude.",
        "2 posts, 1 hidden",
        "1 earlier action",
    ):
        assert shown in text, shown
    assert page.context["items"][0].likely == "rude"


def test_filters_leave_what_was_asked_for(
    thread: Thread, mei: User, ola: User, sam: User, ada: User, browser_of: Browsers
) -> None:
    wait_for_moderators(thread, mei, ola, sam, ada)
    client = browser_of(ada)

    def kinds(query: str) -> list[str]:
        page = client.get(f"/moderation?{query}")
        items = page.context["items"]
        assert page.context["page"].paginator.count == len(items)
        return [item.kind for item in items]

    for kind in ("flagged", "pending", "appealed"):
        assert kinds(f"show={kind}") == [kind]
    assert kinds("reason=rude") == ["flagged"]
    assert kinds("language=en") == ["flagged", "pending", "appealed"]
    for nothing in ("show=x", "reason=spam", "language=zh", "reason=rude&show=pending"):
        assert kinds(nothing) == []
    assert client.get("/moderation?page=9").status_code == 404


def test_one_press_hides_with_a_reason_in_the_language_of_the_author(
    post: Post, ola: User, sam: User, ada: User, browser_of: Browsers
) -> None:
    User.objects.filter(pk=ola.pk).update(language="zh-hans")
    services.flags.flag(flagger=sam, post=post, reason="rude")
    url = f"/moderation/threads/{post.thread_id}/posts/{post.number}"
    form = {"action": "hide", "taken": "rude", "left": "fine", "next": "/moderation?show=flagged"}
    answer = browser_of(ada).post(url, form)
    assert answer["Location"] == "/moderation?show=flagged"
    post.refresh_from_db()
    with translation.override("zh-hans"):
        sentence = str(prepared_reasons.TAKEN_AWAY["rude"])
    assert post.state == State.HIDDEN
    assert ModerationAction.objects.get().reason == sentence


def test_own_words_are_added_to_the_sentence_or_stand_alone(
    thread: Thread, ola: User, ada: User, browser_of: Browsers
) -> None:
    first, second = reply(ola, thread, "One"), reply(ola, thread, "Two")
    client = browser_of(ada)
    form = {"action": "hide", "words": "The second paragraph."}
    for post, name in ((first, "spam"), (second, "")):
        url = f"/moderation/threads/{post.thread_id}/posts/{post.number}"
        assert client.post(url, form | {"taken": name}).status_code == 302
    reasons = list(ModerationAction.objects.order_by("pk").values_list("reason", flat=True))
    assert reasons[0].startswith("It advertises") and reasons[0].endswith("The second paragraph.")
    assert reasons[1] == "The second paragraph."


@pytest.mark.parametrize("form", [{}, {"action": "burn"}, {"action": "hide"}])
def test_a_press_without_a_reason_or_of_no_button_changes_nothing(
    post: Post, ada: User, browser_of: Browsers, form: dict[str, str]
) -> None:
    url = f"/moderation/threads/{post.thread_id}/posts/{post.number}"
    assert browser_of(ada).post(url, form).status_code in (400, 422)
    post.refresh_from_db()
    assert post.state == State.PUBLISHED


def test_buttons_lock_move_mute_and_take_it_back(
    thread: Thread, post: Post, ola: User, ada: User, browser_of: Browsers
) -> None:
    client, why = browser_of(ada), {"words": "Because."}
    of_thread, of_person = f"/moderation/threads/{thread.pk}", f"/moderation/people/{ola.pk}"
    bad = client.post(of_thread, {"action": "move", "subject": "question:none"} | why)
    assert bad.status_code == 400 and "no such subject" in text_of(bad)
    for url, form in (
        (of_thread, {"action": "lock", "post": "2"}),
        (of_person, {"action": "mute", "days": "30", "thread": str(thread.pk), "post": "2"}),
    ):
        assert client.post(url, form | why).status_code == 302
    thread.refresh_from_db()
    mute = Mute.objects.get()
    assert thread.is_locked and mute.action.post == post
    assert timedelta(days=29) < mute.ends_at - now() <= timedelta(days=30)
    assert "ola" in text_of(client.get("/moderation/mutes"))
    assert client.post(of_thread, {"action": "unlock"} | why).status_code == 302
    assert client.post(of_person, {"action": "unmute"} | why).status_code == 302
    assert "Nobody is muted" in text_of(client.get("/moderation/mutes"))
    log = text_of(client.get("/moderation/log?person=OLA"))
    assert log.count('<th scope="row">') == 2 and "Because." in log  # of ola: muted, unmuted
    assert "Nothing matches" in text_of(client.get("/moderation/log?kind=hide"))


def test_a_moderator_sees_no_buttons_for_who_may_do_more(
    thread: Thread, sam: User, ada: User, browser_of: Browsers
) -> None:
    boss = User.objects.create_superuser("boss@example.org", "boss")
    services.flags.flag(flagger=sam, post=reply(boss, thread), reason="rude")
    page = text_of(browser_of(ada).get("/moderation"))
    assert "may do more than you" in page and 'name="action"' not in page


def test_a_page_of_a_post_shows_it_in_every_state(
    post: Post, ola: User, ada: User, browser_of: Browsers
) -> None:
    client = browser_of(ada)
    url = f"/moderation/threads/{post.thread_id}/posts/{post.number}"
    assert "Hide the post" in text_of(client.get(url))
    moderation.hide(moderator=ada, post=post, reason="It is rude.")
    hidden = text_of(client.get(url))
    assert "Restore the post" in hidden and "Kaiming" in hidden and "It is rude." in hidden
    services.posts.delete_post(author=ola, post=post)
    assert "nothing of its text is left" in text_of(client.get(url))
    assert client.get("/moderation/threads/1/posts/99").status_code == 404


def test_the_queue_asks_the_database_as_often_for_many_as_for_few(
    mei: User, ola: User, sam: User, ada: User, many_posts: Any, browser_of: Browsers
) -> None:
    """10,000 flags of 2,000 posts by 20 people, and 300 posts that wait."""
    people = [make_person(f"p{n}") for n in range(20)]
    posts = [post for person in people for post in many_posts(start(person), person, 100)]
    flaggers = [mei, ola, sam, *people[:2]]
    Flag.objects.bulk_create(
        Flag(post=post, flagger=flagger, reason="spam") for post in posts for flagger in flaggers
    )
    Post.objects.filter(pk__in=[post.pk for post in posts[::7]]).update(state=State.PENDING)
    client = browser_of(ada)
    for query in ("", "?page=60", "?show=flagged&reason=spam"):
        with CaptureQueriesContext(connection) as queries:
            page = client.get(f"/moderation{query}")
        assert len(page.context["items"]) == limits.QUEUE_PER_PAGE
        assert len(queries) <= MAX_QUERIES
    assert page.context["waiting"].flagged == len(posts) - len(posts[::7])


# ---------------------------------------------------------------- the appeal


def test_the_author_reads_the_reason_and_their_post_and_replies_once(
    post: Post, ola: User, sam: User, ada: User, eve: User, browser_of: Browsers
) -> None:
    action = moderation.hide(moderator=ada, post=post, reason="It is rude.")
    client, url = browser_of(ola), f"/appeals/{action.pk}"
    page = text_of(client.get(url))
    assert "Your post was hidden." in page and "It is rude." in page and "Kaiming says so." in page
    assert "ada" not in page  # nobody is told who decided
    assert browser_of(sam).get(url).status_code == 404
    assert 'class="wrong"' in text_of(client.post(url, {"text": " "}))
    assert client.post(url, {"text": "It quotes a paper."})["Location"] == url
    page = text_of(client.get(url))
    assert "It quotes a paper." in page and "<textarea" not in page
    assert client.post(url, {"text": "And again."}).status_code == 409
    appeal = Appeal.objects.get()
    form = {"outcome": "reversed", "left": "mistake"}
    assert browser_of(ada).post(f"/moderation/appeals/{appeal.pk}", form).status_code == 403
    assert browser_of(eve).post(f"/moderation/appeals/{appeal.pk}", form).status_code == 302
    page = text_of(client.get(url))
    assert "The decision was reversed" in page and "a mistake of ours" in page
    post.refresh_from_db()
    assert post.state == State.PUBLISHED


def test_a_muted_person_is_led_to_where_they_can_reply(
    thread: Thread, ola: User, ada: User, browser_of: Browsers
) -> None:
    until = now() + timedelta(days=1)
    action = moderation.mute(moderator=ada, person=ola, until=until, reason="It is rude.")
    page = text_of(browser_of(ola).get(f"/appeals/{action.pk}"))
    assert "You cannot write in threads for a time." in page and f"{until:%Y-%m-%d}" in page


def test_what_moderators_did_is_no_security_event_of_the_author(
    post: Post, ola: User, ada: User, browser_of: Browsers
) -> None:
    moderation.hide(moderator=ada, post=post, reason="It is rude.")
    page = browser_of(ola).get("/settings/activity")
    assert page.status_code == 200 and list(page.context["page"]) == []


def place(post: Post, reader: User | AnonymousUser) -> str:
    """Return what stands in a thread at the place of a hidden post, for a reader."""
    post = Post.objects.get(pk=post.pk)
    action = selectors.last_takedowns([post], reader).get(post.pk)
    context = {"post": post, "action": action, "user": reader}
    return " ".join(render_to_string("discussions/_takedown.html", context).split())


def test_the_author_reads_the_last_reason_at_the_place_of_a_hidden_post_and_nobody_else(
    post: Post, ola: User, sam: User, ada: User
) -> None:
    assert place(post, ola) == ""
    moderation.hide(moderator=ada, post=post, reason="It is rude.")
    moderation.restore(moderator=ada, post=post, reason="Was it?")
    action = moderation.hide(moderator=ada, post=post, reason="It is <b>rude</b>, indeed.")
    for reader in (sam, ada, AnonymousUser()):
        assert place(post, reader) == ""
    text = place(post, ola)
    assert "It is &lt;b&gt;rude&lt;/b&gt;, indeed." in text
    assert f'href="/appeals/{action.pk}"' in text and "Reply to this" in text
    appeals.appeal(person=ola, action=action, text="No.")
    assert "Reply to this" not in place(post, ola) and "Your reply" in place(post, ola)


def test_what_was_taken_back_is_told_without_a_reply(
    post: Post, ola: User, ada: User, browser_of: Browsers
) -> None:
    moderation.hide(moderator=ada, post=post, reason="It is rude.")
    action = moderation.restore(moderator=ada, post=post, reason="It was a joke.")
    page = browser_of(ola).get(f"/appeals/{action.pk}")
    text = text_of(page)
    assert page.status_code == 200 and "Your post is there again." in text
    assert "It was a joke." in text and "<textarea" not in text


def test_the_flag_page_does_not_give_an_answer_away(
    question: Question, mei: User, ola: User, sam: User, browser_of: Browsers
) -> None:
    thread = start(mei, Subject(Thread.About.QUESTION, question=question))
    post = reply(ola, thread, "It is exactly 0.3.")
    url = f"/threads/{thread.pk}/posts/{post.number}/flag"
    page = text_of(browser_of(sam).get(url))
    assert "Rude or harassing" in page and "0.3" not in page
    answers.reveal(user=sam, question=question)
    assert "0.3" in text_of(browser_of(sam).get(url))


# ---------------------------------------------------------------- the admin


@pytest.mark.parametrize("table", ["thread", "post", "flag", "moderationaction", "appeal", "mute"])
def test_the_admin_finds_rows_by_handle_and_thread_and_leads_to_the_queue(
    table: str, thread: Thread, mei: User, ola: User, sam: User, ada: User
) -> None:
    wait_for_moderators(thread, mei, ola, sam, ada)
    until = now() + timedelta(days=1)
    moderation.mute(moderator=ada, person=ola, until=until, reason="It is rude.")
    boss = User.objects.create_superuser("boss@example.org", "boss", "seven quiet herons")
    client = Client()
    enter_password(client, boss)
    url = f"/admin/discussions/{table}/"
    handle = "mei" if table in ("thread", "flag") else "ola"
    for term in (handle, handle.upper(), str(thread.pk)):
        page = client.get(url, {"q": term})
        if table != "mute" or term != str(thread.pk):
            assert page.context["cl"].result_count > 0, term
    assert client.get(url, {"q": "nobody"}).context["cl"].result_count == 0
    pk = page.context["cl"].model.objects.order_by("pk").values_list("pk", flat=True)[0]
    detail = client.get(f"{url}{pk}/change/")
    assert detail.status_code == 200
    if table != "mute":
        assert f"/moderation/threads/{thread.pk}/posts/" in detail.content.decode()


# ---------------------------------------------------------------- in the browser


class TestInTheBrowser:
    pytestmark = needs_browser

    def test_a_moderator_hides_by_a_key_and_the_author_appeals(
        self, open_page: Open, mei: User, ola: User, sam: User, ada: User, eve: User
    ) -> None:
        thread = start(mei)
        wait_for_moderators(thread, mei, ola, sam, ada)
        page = open_page("/moderation?show=flagged", who=eve)
        look_over(page)
        press(page, "j", "x")
        page.get_by_text("Done:").wait_for()
        page.get_by_text("Nothing of this kind waits.").wait_for()
        look_over(page)
        action = ModerationAction.objects.filter(kind="hide").latest("pk")
        phone = open_page(f"/appeals/{action.pk}", who=ola, viewport={"width": 390, "height": 844})
        look_over(phone)
        phone.get_by_label("Your reply").fill("It was a joke.")
        phone.get_by_role("button", name="Send reply").click()
        phone.get_by_text("A moderator reads your reply. You are told").wait_for()
        look_over(phone)

    @pytest.mark.parametrize(
        "look",
        [{}, {"viewport": PHONE["viewport"], "cookies": {"language": "zh-hans", "theme": "dark"}}],
        ids=["desktop", "chinese-phone"],
    )
    def test_pages_of_moderators_are_without_faults_where_there_is_nothing_yet(
        self, open_page: Open, ada: User, look: dict[str, Any]
    ) -> None:
        page = open_page("/moderation", who=ada, **look)
        for path in ("/moderation", "/moderation/log", "/moderation/mutes"):
            page.goto(path)
            assert page.locator(".empty").count() == 1, path
            look_over(page)

    def test_a_flag_is_sent_without_scripts(
        self, open_page: Open, mei: User, ola: User, sam: User
    ) -> None:
        thread = start(mei)
        page = open_page(f"/threads/{thread.pk}/posts/1/flag", who=sam, java_script_enabled=False)
        page.get_by_label("Spam or advertising").check()
        page.get_by_role("button", name="Flag", exact=True).click()
        page.wait_for_url("**/threads/*#post-1")
        assert Flag.objects.get().reason == "spam"


def test_the_words_of_a_decision_that_came_too_late_are_given_back(
    thread: Thread, ola: User, ada: User
) -> None:
    post = reply(ola, thread)
    services.posts.delete_post(author=ola, post=post)
    form = {"action": "hide", "taken": "rude", "words": "It attacks Mei."}
    answer = browser(ada).post(f"/moderation/threads/{thread.pk}/posts/2", form)
    assert (answer.status_code, "It attacks Mei." in answer.content.decode()) == (410, True)

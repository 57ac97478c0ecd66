"""What moderators see of a post that cites runs: what its readers see, by the same rules."""

from __future__ import annotations

import pytest
from django.core.cache import caches
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.discussions import services
from apps.discussions.models import Post
from apps.discussions.services import moderation
from apps.discussions.subjects import About, Subject
from apps.experiments.models import Lab, Run
from apps.questions.models import Question
from tests.discussions.conftest import start
from tests.discussions.pages import browser
from tests.discussions.test_embeds import CURVE, FOLD, GONE, citing, lab, run  # noqa: F401
from tests.discussions.test_moderation_pages import MAX_QUERIES, text_of
from tests.experiments.pages_cast import HEADLINE

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken_queues")]


@pytest.fixture
def cited(mei: User, sam: User, run: Run, lab: Lab, question: Question) -> list[Post]:  # noqa: F811
    """Flagged posts that cite a run, a claim of it, and nothing; in threads about two things."""
    about_lab = start(mei, Subject(About.LAB, lab=lab))
    about_question = start(mei, Subject(About.QUESTION, question=question))
    posts = [
        citing(about_lab, f"[run:{run.pk}]", f"[claim:{HEADLINE}@{run.pk}]"),
        citing(about_lab, html=FOLD.format("")),
        citing(about_question, html=FOLD.format("")),
    ]
    for post in posts:
        services.flags.flag(flagger=sam, post=post, reason="spoiler")
    return posts


def test_the_queue_shows_posts_as_their_readers_see_them(
    cited: list[Post],
    mei: User,
    ada: User,
    run: Run,  # noqa: F811
) -> None:
    client = browser(ada)
    page = text_of(client.get("/moderation?show=flagged"))
    assert "Verdict hidden until you predict." in page and CURVE not in page
    assert 'name="next" value="/moderation?show=flagged"' in page
    for title in ("Dead units: what switches a ReLU off", "<p>title of why-relu"):
        assert f"Gives away “{title}" in page
    client.post(f"/runs/{run.pk}/verdict", {"next": "/moderation"})
    client.get("/moderation")  # which says once what that means
    hidden = citing(cited[0].thread, f"[point:{run.pk}/relu%200.3/dead/0]")
    action = moderation.hide(moderator=ada, post=hidden, reason="It is rude.")
    services.appeals.appeal(person=mei, action=action, text="It quotes a paper.")
    caches["charts"].clear()
    with CaptureQueriesContext(connection) as queries:
        page = text_of(client.get("/moderation"))
    assert "It quotes a paper." in page
    assert CURVE in page and "Too large a learning rate kills ReLU units." in page
    assert len(queries) <= MAX_QUERIES


def test_a_run_that_is_no_longer_shared_is_not_shown_to_moderators(
    cited: list[Post],
    ada: User,
    run: Run,  # noqa: F811
) -> None:
    Run.objects.filter(pk=run.pk).update(shared=False)
    post = cited[0]
    url = f"/moderation/threads/{post.thread_id}/posts/{post.number}"
    assert GONE in text_of(browser(ada).get(url))


def test_an_author_sees_the_run_in_the_post_that_was_hidden(
    cited: list[Post], ada: User, mei: User
) -> None:
    action = moderation.hide(moderator=ada, post=cited[0], reason="It is rude.")
    page = text_of(browser(mei).get(f"/appeals/{action.pk}"))
    assert CURVE in page


def test_the_form_of_a_flag_shows_the_post_as_its_reader_sees_it(
    cited: list[Post], sam: User
) -> None:
    post = cited[0]
    page = text_of(browser(sam).get(f"/threads/{post.thread_id}/posts/{post.number}/flag"))
    assert "Verdict hidden until you predict." in page

"""What posts show of the runs that they cite, and what their folds give away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.cache import caches
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from apps.accounts.models import User
from apps.common.clock import Clock
from apps.discussions import citations, embeds
from apps.discussions.citations import Cited, parse
from apps.discussions.limits import MAX_CHARTS
from apps.discussions.models import Citation, Post, Thread
from apps.discussions.post_markdown import RenderedPost
from apps.discussions.subjects import About, Subject
from apps.experiments import services
from apps.experiments.models import Lab, LabWords, Run
from apps.experiments.reader import reader_of
from apps.experiments.selectors import Reader
from apps.questions.models import Question
from tests.discussions.conftest import start
from tests.experiments.conftest import event, finish, report
from tests.experiments.pages_cast import (
    HEADLINE,
    RATES,
    SURE,
    browser,
    loaded,
    measured,
    queued,
    recorded,
    started,
    verdict,
)
from workers import wire

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("woken_queues")]
VISITOR = Reader(AnonymousUser())
GONE = "This run is no longer shared."
CURVE = 'class="line a0"'


@pytest.fixture(autouse=True)
def no_charts_kept() -> Iterator[None]:
    caches["charts"].clear()
    yield
    caches["charts"].clear()


@pytest.fixture
def lab(db: None) -> Lab:
    return loaded()


@pytest.fixture
def run(mei: User, lab: Lab) -> Run:
    """Mei's shared run with another width, which she predicted."""
    run = measured(queued(mei, lab, config={"width": 32}, prediction=SURE), verdict(effect=0.44))
    services.set_run_visibility(run=run, shared=True)
    run.refresh_from_db()
    return run


def citing(thread: Thread, *cited: str | Cited, html: str = "") -> Post:
    """Store a post that cites, as its services would have."""
    parsed = [parse(one) if isinstance(one, str) else one for one in cited]
    number = thread.last_number + 1
    markers = "".join(f"<!--gradus:citation-{place}-->" for place in range(len(parsed)))
    post = Post.objects.create(
        thread=thread,
        number=number,
        author=thread.author,
        key=uuid4().hex,
        language="en",
        text="As cited.",
        html=html or f"<p>Look:</p>{markers}",
    )
    thread.last_number = number
    thread.save()
    existing = set(Run.objects.values_list("pk", flat=True))
    rows = [
        Citation(
            post=post,
            position=place,
            kind=one.kind,
            cited=one.run,
            run_id=one.run if one.run in existing else None,
            claim=one.claim,
            arm=one.arm,
            series=one.series,
            step=one.step,
        )
        for place, one in enumerate(parsed)
        if one is not None
    ]
    assert len(rows) == len(parsed), "all are citations"
    Citation.objects.bulk_create(rows)
    return post


def shown(post: Post, reader: User | Reader) -> str:
    """Return a post's HTML for a reader, on one line."""
    reader = reader if isinstance(reader, Reader) else Reader(reader)
    return " ".join(embeds.filled([post], reader, post.thread)[post.pk].split())


def changed(run: Run) -> str:
    """Return what the setting of `run` that is not at its default reads like."""
    setting = LabWords.objects.get(version=run.version).words["config"]["width"]
    return f"{setting['en']} {setting['default']} → {run.config['width']}"


# ---------------------------------------------------------------- what a citation shows


def test_a_run_shows_its_curve_with_its_band_and_whose_it_is(
    thread: Thread, run: Run, mei: User
) -> None:
    html = shown(citing(thread, citations.cite_run(run)), mei)
    assert html.startswith("<p>Look:</p>")
    assert CURVE in html and 'class="band b0"' in html
    assert "figure curves small" in html
    assert re.search(r'role="img" aria-label="[^"]*At the end: [^"]+"', html)
    assert f'<a href="/runs/{run.pk}">Run {str(run.pk)[:8]} by mei</a>' in html
    assert changed(run) in html
    assert f'href="/labs/dead-relu?from={run.pk}">Predict and rerun</a>' in html
    assert "0.44" not in html and "44%" not in html, "a verdict is cited for itself"


def test_settings_that_are_forked_stand_in_the_form_of_the_lab(
    thread: Thread, run: Run, mei: User, ola: User
) -> None:
    html = shown(citing(thread, citations.cite_run(run)), mei)
    url = re.search(r'href="([^"]*)">Fork these settings', html)
    assert url is not None
    services.set_run_visibility(run=run, shared=False)  # they are written out
    page = browser(ola).get(url[1].replace("&amp;", "&"))
    field = next(one for one in page.context["form"].settings if one.name == "config-width")
    assert (str(field.value), field.is_changed) == ("32", True)


def test_a_run_at_default_settings_has_nothing_to_fork(thread: Thread, lab: Lab, mei: User) -> None:
    services.open_verdict(user=mei, run=(ours := recorded(lab)))
    html = shown(citing(thread, citations.cite_run(ours)), mei)
    assert "default settings" in html and "Fork these settings" not in html
    assert 'href="/labs/dead-relu">Predict and rerun</a>' in html
    assert f"Recorded run {str(ours.pk)[:8]}" in html


def test_a_verdict_shows_its_sentence_effect_replicates_and_device(
    thread: Thread, run: Run, mei: User
) -> None:
    html = shown(citing(thread, citations.cite_claim(HEADLINE, run)), mei)
    assert 'class="outcome holds"' in html
    for text in ("44%", "51% to 81%", "16 replicates", "A slow machine, 2 cores"):
        assert text in html
    assert f'href="/claims?lab=dead-relu#{HEADLINE}"' in html
    assert f'href="/runs/{run.pk}"' in html
    assert "<svg" not in html.replace('<svg class="icon"', "")


def test_a_point_shows_its_value_and_where_it_is(thread: Thread, run: Run, mei: User) -> None:
    html = shown(citing(thread, citations.cite_point(run, "relu 0.3", "dead", 0)), mei)
    assert 'class="guide"' in html and 'class="marked"' in html
    assert "<b>0.3</b>" in html and "0.15 to 0.45" in html
    assert re.search(r'aria-label="[^"]*Marked: [^"]+ 0\.3\.', html)
    assert f'href="/runs/{run.pk}?series=dead&amp;arm=relu+0.3&amp;step=0#chart"' in html


def test_a_point_is_found_among_more_than_a_chart_draws(
    thread: Thread, lab: Lab, mei: User
) -> None:
    lease = started(queued(mei, lab, "k"))
    lease.run.refresh_from_db()
    steps = [float(step) for step in range(10_000)]
    values: list[float | None] = [step % 7 for step in steps]
    report(lease, wire.Event("relu 9", "dead", steps, values))
    run = finish(lease, verdicts=[verdict()])
    services.open_verdict(user=mei, run=run)
    html = shown(citing(thread, citations.cite_point(run, "relu 9", "dead", 5002)), mei)
    assert "<b>4</b>" in html
    assert len(html) < 20_000


def test_everything_is_in_the_readers_language(thread: Thread, run: Run, mei: User) -> None:
    post = citing(
        thread,
        citations.cite_run(run),
        citations.cite_claim(HEADLINE, run),
        citations.cite_point(run, "relu 1", "dead", 0),
    )
    english = shown(post, mei)
    with override("zh-hans"):
        chinese = shown(post, mei)
    assert 'lang="zh-Hans"' in chinese and 'lang="zh-Hans"' not in english
    words = LabWords.objects.get(version=run.version).words
    title = words["figures"][0]["title"]
    assert title["en"] in english and title["zh"] in chinese and title["en"] not in chinese


@pytest.mark.attack
def test_what_stands_in_names_is_text(thread: Thread, lab: Lab, mei: User) -> None:
    arm = '<script>alert("1")</script>/ %41 [x]'
    lease = started(queued(mei, lab, "k"))
    lease.run.refresh_from_db()
    report(lease, event(0.5, arm=arm))
    finish(lease, verdicts=[verdict()])
    run = Run.objects.get()
    services.open_verdict(user=mei, run=run)
    post = citing(
        thread,
        citations.cite_point(run, arm, "dead", 0),
        citations.cite_claim("no-such.claim", run),
    )
    html = shown(post, mei)
    assert "<script" not in html
    assert "&lt;script&gt;alert(" in html
    assert "<b>0.5</b>" in html


# ---------------------------------------------------------------- who may see it


@pytest.mark.parametrize("cite", ["run", "claim", "point"])
def test_who_has_not_predicted_sees_the_question_and_two_ways_to_the_verdict(
    thread: Thread, run: Run, sam: User, cite: str
) -> None:
    text = {
        "run": citations.cite_run(run),
        "claim": citations.cite_claim(HEADLINE, run),
        "point": citations.cite_point(run, "relu 0.3", "dead", 0),
    }[cite]
    post = citing(thread, text)
    for reader in (VISITOR, Reader(sam)):
        html = shown(post, reader)
        for hidden in (CURVE, "44%", "0.3", "outcome", '<svg class="figure'):
            assert hidden not in html, hidden
        assert LabWords.objects.get(version=run.version).words["question"]["en"] in html
        assert changed(run) in html, "the settings"
        assert f'href="/labs/dead-relu?from={run.pk}"' in html
        assert f'action="/runs/{run.pk}/verdict"' in html
        assert f'name="next" value="/threads/{thread.pk}/posts/{post.number}"' in html
    assert 'name="form_owner"' in shown(post, sam)
    services.open_verdict(user=sam, run=run)
    assert "folded-verdict" not in shown(post, sam)


def test_the_form_on_a_fold_is_accepted(thread: Thread, run: Run, sam: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(sam)
    request = RequestFactory().get("/threads/1")
    request.user, request.session = sam, client.session
    html = shown(citing(thread, citations.cite_run(run)), reader_of(request))
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', html)
    assert token is not None
    client.cookies[settings.CSRF_COOKIE_NAME] = request.META["CSRF_COOKIE"]
    sent = {"csrfmiddlewaretoken": token[1], "form_owner": sam.pk, "next": "/threads/1/posts/2"}
    assert client.post(f"/runs/{run.pk}/verdict", {"next": "/"}).status_code == 403
    answer = client.post(f"/runs/{run.pk}/verdict", sent)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/threads/1/posts/2")


def test_a_post_has_one_form_for_each_verdict(thread: Thread, run: Run, sam: User) -> None:
    cited = (citations.cite_run(run), citations.cite_claim(HEADLINE, run))
    posts = [citing(thread, *cited), citing(thread, *cited)]
    for html in embeds.filled(posts, Reader(sam), thread).values():
        assert html.count("/verdict") == 1
        assert html.count("hidden until you predict") == 2


@pytest.mark.attack
def test_what_cannot_be_shown_leaves_a_gap_in_the_same_words(
    thread: Thread, run: Run, lab: Lab, mei: User, ola: User
) -> None:
    """Nobody learns whether a private run exists."""
    private = queued(ola, lab, "private")
    post = citing(thread, f"[run:{uuid4()}]", f"[run:{private.pk}]", citations.cite_run(run))
    services.set_run_visibility(run=run, shared=False)
    for reader in (VISITOR, Reader(User.objects.create_user("x@example.org", "xi"))):
        html = shown(post, reader)
        gaps = re.findall(r'<p class="embed-gap".*?</p>', html)
        assert len(gaps) == 3 and len(set(gaps)) == 1
        assert GONE in gaps[0]
        assert "/runs/" not in html
    mine = shown(post, mei)
    assert mine.count(GONE) == 2
    assert "Not shared: others see no run here." in mine and CURVE in mine


def test_a_claim_or_a_point_that_the_run_lacks_leaves_a_named_gap(
    thread: Thread, run: Run, mei: User
) -> None:
    post = citing(
        thread,
        citations.cite_claim("dead-relu.no-such-claim", run),
        citations.cite_point(run, "relu 1", "dead", 5),
        citations.cite_point(run, "no such arm", "dead", 0),
        citations.cite_point(run, "relu 1", "no such series", 0),
    )
    html = shown(post, mei)
    assert html.count("This run has no verdict on this claim.") == 1
    assert html.count("This run has no such point.") == 3
    assert html.count(f'<a href="/runs/{run.pk}">') == 4
    assert CURVE not in html


def test_a_run_that_goes_on_or_failed_says_so(thread: Thread, lab: Lab, mei: User) -> None:
    run = queued(mei, lab, "k")
    post = citing(thread, citations.cite_run(run), citations.cite_claim(HEADLINE, run))
    assert shown(post, mei).count("Queued</span>") == 2
    lease = started(run)
    html = shown(post, mei)
    assert html.count("Running</span>") == 2
    assert CURVE in html
    lease.run.refresh_from_db()
    report(lease, event(0.7, arm="relu 9"))
    assert "relu 9" in shown(post, mei), "what a run that goes on measures is not kept"
    finish(lease, state="failed", error="It broke.")
    html = shown(post, mei)
    assert "Failed</span>" in html
    assert "This run has no verdict on this claim." in html


# ---------------------------------------------------------------- many of them


def test_a_page_takes_four_queries_whatever_it_cites(
    thread: Thread, lab: Lab, question: Question, mei: User
) -> None:
    runs = [recorded(lab)]
    for width in (8, 16, 32, 64):
        key = f"k{width}"
        runs.append(measured(queued(mei, lab, key, config={"width": width}, prediction=SURE)))
    services.open_verdict(user=mei, run=runs[0])
    folds = (
        "<!--gradus:fold:question:why-relu--><!--gradus:fold:lab:dead-relu--><!--gradus:fold:-->"
    )
    markers = "".join(f"<!--gradus:citation-{place}-->" for place in range(20))
    for number in range(50):
        run = runs[number % len(runs)]
        cited = [citations.cite_run(run), citations.cite_claim(HEADLINE, run)] * 5
        cited += [citations.cite_point(run, f"relu {rate}", "dead", 0) for rate in RATES] * 2
        citing(thread, *cited, html=folds + markers)
    posts = list(Post.objects.filter(thread=thread).prefetch_related("citations"))
    assert len(posts) == 51
    for expected in (4, 3):  # then no chart is drawn again
        with CaptureQueriesContext(connection) as queries:
            htmls = embeds.filled(posts, Reader(mei), Thread.objects.get(pk=thread.pk))
        # the thread's own
        assert len(queries) - 1 == expected, [query["sql"][:120] for query in queries]
        page = "".join(htmls.values())
        assert page.count("figure curves small") == MAX_CHARTS
        assert page.count('class="embed"') + page.count('class="embed-gap"') == 1000
        assert page.count("Show the chart</a>") > 100


def test_a_chart_that_a_page_leaves_out_is_loaded_by_its_link(
    thread: Thread, run: Run, mei: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeds, "MAX_CHARTS", 0)
    html = shown(citing(thread, citations.cite_point(run, "relu 1", "dead", 0)), mei)
    assert CURVE not in html
    link = re.search(r'data-hx-get="([^"]+)"', html)
    assert link is not None
    fragment = browser(mei).get(link[1].replace("&amp;", "&"))
    assert fragment.status_code == 200
    assert CURVE in fragment.content.decode() and "<b>0.4</b>" in fragment.content.decode()


@pytest.mark.attack
def test_a_chart_is_given_to_nobody_who_may_not_see_it(run: Run, mei: User, sam: User) -> None:
    def answer(client: Client, cite: str) -> int:
        return int(client.get("/threads/chart", {"cite": cite}).status_code)

    assert answer(browser(sam), citations.cite_run(run)) == 403
    assert answer(browser(), citations.cite_run(run)) == 403
    assert answer(browser(mei), citations.cite_claim(HEADLINE, run)) == 404
    for nothing in ("", "[run:4f2a]", f"[run:{uuid4()}]", "\x00", "[" * 5000):
        assert answer(browser(mei), nothing) == 404
    services.set_run_visibility(run=run, shared=False)
    assert answer(browser(sam), citations.cite_run(run)) == 404
    assert answer(browser(mei), citations.cite_run(run)) == 200


def test_a_chart_that_is_kept_follows_its_words_language_and_points(
    thread: Thread, run: Run, mei: User
) -> None:
    post = citing(thread, citations.cite_run(run))
    before = shown(post, mei)
    run.batches.all().delete()
    assert shown(post, mei) == before, "it is kept"
    Run.objects.filter(pk=run.pk).update(thinned_at=Clock())
    assert CURVE not in shown(post, mei)
    words = LabWords.objects.get(version=run.version)
    words.words["figures"][0]["title"] = {"en": "Another title", "zh": "别的标题"}
    words.updated_at = Clock()
    words.save()
    assert "Another title" in shown(post, mei)


# ---------------------------------------------------------------- folds


FOLD = '<details class="spoiler"><summary><!--gradus:fold:{}--></summary><p>x</p></details>'


@pytest.mark.parametrize(
    ("name", "summary"),
    [
        ("question:why-relu", "Gives away “<p>title of why-relu<"),
        ("lab:dead-relu", "Gives away “Dead units: what switches a ReLU off"),
        (f"claim:{HEADLINE}", "Gives away “Too large a learning rate kills ReLU units."),
        ("question:no-such", "Gives something away. Show it"),
        ("claim:dead-relu.no-such", "Gives something away. Show it"),
        ("lab:no-such", "Gives something away. Show it"),
        ("", "Gives something away. Show it"),
    ],
)
def test_a_fold_says_what_it_gives_away(
    thread: Thread, lab: Lab, question: Question, name: str, summary: str
) -> None:
    html = shown(citing(thread, html=FOLD.format(name)), VISITOR)
    assert summary in html
    assert html.startswith('<details class="spoiler"><summary>')
    assert "<a" not in html  # a summary is a button


def test_a_fold_without_a_name_gives_away_what_the_thread_is_about(
    mei: User, lab: Lab, question: Question, run: Run
) -> None:
    subjects = {
        Subject(About.QUESTION, question=question): "<p>title of why-relu",
        Subject(About.LAB, lab=lab): "Dead units",
        Subject(About.CLAIM, claim=HEADLINE): "Too large a learning rate",
        Subject(About.RUN, run=run): "Run ",
    }
    for subject, title in subjects.items():
        thread = start(mei, subject, title=f"About {subject}")
        html = shown(citing(thread, html=FOLD.format("")), VISITOR)
        assert f"Gives away “{title}" in html


# ---------------------------------------------------------------- previews


def test_a_preview_shows_what_the_post_will(run: Run, mei: User, thread: Thread) -> None:
    cited = [parse(citations.cite_run(run)), Cited(citations.Kind.RUN, UUID(int=0))]
    rendered = RenderedPost(
        "<p>Look:</p><!--gradus:citation-0--><!--gradus:citation-1--><!--gradus:fold:-->",
        [one for one in cited if one],
    )
    html = embeds.preview(rendered, Reader(mei), thread)
    assert CURVE in html and GONE in html and "Gives something away" in html
    assert "<!--" not in html

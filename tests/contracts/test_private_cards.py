"""A private card is its owner's alone: every route of the site, the API and the admin is asked for
it by everybody else, and shows no word of it.

Routes come from the URL resolver, so that a new one is asked, too.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from django.contrib.admin import site as admin_site
from django.contrib.auth.models import Group
from django.urls import reverse

from apps.accounts.models import User
from apps.accounts.services import restore_roles
from apps.progress import services as progress
from apps.questions import private_cards
from apps.questions.models import Question
from apps.questions.private_cards import CardText
from tests.api.conftest import Program
from tests.contracts.test_routes import MATRIX, Cast, _patterns

pytestmark = [pytest.mark.attack, pytest.mark.django_db]
CANARY, BACK, NOTE = "Quokkafront", "Quokkaback", "Quokkanote"
WORDS = (CANARY.lower(), BACK.lower(), NOTE.lower())
OTHERS = ("visitor", "stranger", "author", "moderator", "instructor", "operator", "superuser")
HIDDEN = (404, 405, 403, 401, 302)
STREAMS = {"experiments:run-events", "experiments_api:run-events", "discussions:thread-events"}
STREAMS |= {"discussions_api:thread-events", "experiments:run-states"}


@pytest.fixture
def cast(db: None) -> Cast:
    restore_roles()
    cast = Cast()
    for role in ("author", "moderator", "instructor", "operator"):
        cast.add_staff(role, Group.objects.get(name=role))
    return cast


@pytest.fixture
def card(cast: Cast) -> Question:
    """A card of the owner's, with all that one can do with it."""
    mei = User.objects.get(handle="mei")
    text = CardText(f"{CANARY} [a](/questions/how-long)", BACK)
    card = private_cards.create(owner=mei, text=text)
    progress.reviews.start_session(user=mei, new=2)
    progress.attempts.begin_attempt(user=mei, question=card)
    progress.reviews.record(user=mei, question=card, review_id=uuid.uuid4(), rating=3)
    progress.plans.write_note(user=mei, question=card, text=NOTE)
    progress.plans.set_bookmark(user=mei, question=card, is_set=True)
    return card


def traces(body: str) -> list[str]:
    return [word for word in WORDS if word in body.lower()]


def addresses(cast: Cast, slug: str) -> Iterator[tuple[str, str, bool]]:
    """Yield the name and address of every route, and whether it names the card."""
    for name, pattern in _patterns():
        if name in STREAMS:
            continue
        if "<slug:slug>" in pattern:
            yield name, reverse(name, kwargs={"slug": slug}), True
        elif name in MATRIX or "api" in name:
            yield name, cast.url(name), False
    yield "panel", f"{reverse('discussions:panel')}?about=question:{slug}", True
    yield "new", f"{reverse('discussions:new')}?about=question:{slug}", False


def test_no_page_shows_a_word_of_it_to_anybody_else(cast: Cast, card: Question) -> None:
    wrong = []
    for name, url, is_named in addresses(cast, card.slug):
        # what is searched for may be repeated, so it is only the beginning
        search = f"{'&' if '?' in url else '?'}words=Quokka&q=Quokka&reveal=1"
        for role in OTHERS:
            for address in (url, url + search):
                answer = cast.browsers[role].get(address)
                body = b"".join(answer) if answer.streaming else answer.content
                words = traces(body.decode(errors="replace"))
                if words or (is_named and answer.status_code not in HIDDEN):
                    wrong.append(f"{name} {address} by {role}: {answer.status_code} {words}")
    assert wrong == []


def test_nobody_else_can_do_anything_with_it(cast: Cast, card: Question) -> None:
    before = Question.with_private.filter(pk=card.pk).values().get()
    wrong = []
    for name, url, is_named in addresses(cast, card.slug):
        if not is_named:
            continue
        for role in ("stranger", "author", "superuser"):
            answer = cast.browsers[role].post(url, {"text": "x", "rating": "3", "part": "written"})
            if answer.status_code not in (404, 405, 403):
                wrong.append(f"{name} {url} by {role}: {answer.status_code}")
    assert wrong == []
    assert Question.with_private.filter(pk=card.pk).values().get() == before
    assert not card.cards.exclude(user__handle="mei").exists()  # type: ignore[attr-defined]


def test_no_program_of_anybody_else_gets_it(cast: Cast, card: Question) -> None:
    wrong = []
    people = [Program(User.objects.get(handle=name)) for name in ("sam", "author", "superuser")]
    for name, url, is_named in addresses(cast, card.slug):
        if "_api:" not in name and not name.startswith("api:"):
            continue
        for program in (*people, Program()):
            methods = ("get", "put", "post", "patch", "delete") if is_named else ("get",)
            for method in methods:
                answer = program.client.generic(method.upper(), url, headers=program.headers)
                body = b"".join(answer) if answer.streaming else answer.content
                if traces(body.decode(errors="replace")):
                    wrong.append(f"{method} {url}: shows it")
                # 400 and 415: of a body that is read before the question is looked up
                if is_named and answer.status_code not in (401, 403, 404, 405, 400, 415):
                    wrong.append(f"{method} {url}: {answer.status_code}")
    assert wrong == []


def test_staff_see_no_word_of_it_in_the_admin(cast: Cast, card: Question) -> None:
    revision = card.current_id
    pages = [
        f"{reverse(f'admin:{model._meta.app_label}_{model._meta.model_name}_changelist')}{query}"
        for model in admin_site._registry
        for query in ("", f"?q={card.slug}")
    ]
    of_card = [
        reverse("admin:questions_question_change", args=[card.pk]),
        reverse("admin:questions_question_history", args=[card.pk]),
        reverse("admin:questions_question_delete", args=[card.pk]),
        reverse("admin:questions_revision_change", args=[revision]),
        reverse("admin:questions_revision_history", args=[revision]),
        reverse("admin:questions_revision_delete", args=[revision]),
    ]
    complete = "?app_label=questions&model_name=revision&field_name=question&term=private"
    pages += [*of_card, reverse("admin:autocomplete") + complete, reverse("admin:index")]
    for role in ("author", "moderator", "operator", "superuser"):
        for url in pages:
            answer = cast.browsers[role].get(url)
            assert not traces(answer.content.decode()), (role, url)
            if url in of_card:
                assert answer.status_code in (302, 403, 404), (role, url)
            if "autocomplete" in url and answer.status_code == 200:
                assert answer.json()["results"] == []


def test_no_sitemap_feed_or_count_has_it(cast: Cast, card: Question) -> None:
    body = cast.browsers["visitor"].get("/sitemap.xml").content.decode()
    assert card.slug not in body and "how-long" in body
    assert Question.objects.count() == 1 and Question.objects.offered().count() == 1


def test_its_owner_sees_it(cast: Cast, card: Question) -> None:
    """So that the tests above are about something."""
    owner = cast.browsers["owner"]
    assert traces(owner.get(f"/questions/{card.slug}").content.decode())
    assert traces(owner.get("/private-cards").content.decode())
    assert traces(owner.get(f"/private-cards?words={BACK}").content.decode())
    assert owner.get(f"/questions/{card.slug}/report").status_code == 404
    assert NOTE in owner.get("/notes").content.decode()

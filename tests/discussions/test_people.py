"""The public page of a person: nothing unless they choose it, and then what they chose."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.services import change_settings, delete_user
from apps.archives import contents
from apps.discussions.models import Thread
from apps.discussions.presenters.people import prediction_sentences
from apps.discussions.views.people import MAX_ROWS
from apps.experiments.models import Run
from apps.progress.calibration import MIN_ANSWERS, Bin
from tests.common.browsing import Open, look_over, needs_browser
from tests.discussions.conftest import reply, start
from tests.discussions.pages import browser
from tests.experiments.pages_cast import SURE, loaded, measured, queued

pytestmark = pytest.mark.django_db
EVERYTHING = [part.value for part in User.ProfilePart]
CHOICE = {"language": "", "theme": "", "time_zone": "UTC"}


def choose(person: User, *parts: str) -> User:
    change_settings(user=person, **CHOICE, profile=parts)
    person.refresh_from_db()
    return person


def words(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    return " ".join(answer.content.decode().split())


@pytest.fixture
def run(mei: User, woken_queues: list[str]) -> Run:
    run = measured(queued(mei, loaded(), prediction=SURE))
    Run.objects.filter(pk=run.pk).update(shared=True)
    run.refresh_from_db()
    return run


def absent(answer: Any) -> str:
    """Return the page of an answer that there is no such page, but for what each page has alone."""
    assert answer.status_code == 404
    return re.sub(r"(/|%2F)people(/|%2F)\w+|(?<=value=\")\w{64}", "", answer.content.decode())


def test_nobody_has_one_unless_they_choose_it(client: Client, mei: User) -> None:
    for parts in ((), ("runs", "threads")):
        choose(mei, *parts)
        assert browser(mei).get("/people/mei").status_code == 404
        # who has none looks like who is not there
        assert absent(client.get("/people/mei")) == absent(client.get("/people/nobody"))


def test_it_is_chosen_and_taken_back_in_the_settings(mei: User) -> None:
    home = browser(mei)
    page = words(home.get("/settings"))
    assert (
        page.count('name="profile"') == len(EVERYTHING)
        and "checked" not in page.partition('name="profile"')[2].partition("</fieldset>")[0]
    )
    assert home.post("/settings", CHOICE | {"profile": ["page", "joined"]}).status_code == 302
    assert 'href="/people/mei"' in words(home.get("/settings"))
    page = words(Client().get("/people/mei"))
    assert f"{timezone.now():%B %Y}" in page and "Shared runs" not in page
    assert "mei@example.org" not in page and "Change what it shows" not in page
    assert "Change what it shows" in words(home.get("/people/mei"))
    assert "2026年" in words(Client().get("/people/mei", headers={"accept-language": "zh-hans"}))
    refused = home.post("/settings", CHOICE | {"profile": ["page", "address"]})
    assert "address is not one of the available choices" in words(refused)
    home.post("/settings", CHOICE)
    assert Client().get("/people/mei").status_code == 404


def test_search_engines_are_asked_to_leave_it_out(client: Client, mei: User) -> None:
    choose(mei, "page")
    assert client.get("/people/mei")["X-Robots-Tag"] == "noindex"
    assert "Nothing else is shown here." in words(client.get("/people/mei"))


def test_a_handle_is_found_in_any_case(client: Client, mei: User) -> None:
    choose(mei, "page")
    answer = client.get("/people/MEI")
    assert (answer.status_code, answer["Location"]) == (302, "/people/mei")
    for nonsense in ("mei%00", "m" * 40, "mei%0A", "../settings"):
        assert client.get(f"/people/{nonsense}").status_code == 404


def test_who_is_about_to_be_deleted_or_deactivated_has_none(client: Client, mei: User) -> None:
    choose(mei, "page")
    User.objects.update(deletion_at=timezone.now())
    assert client.get("/people/mei").status_code == 404
    User.objects.update(deletion_at=None, is_active=False)
    assert client.get("/people/mei").status_code == 404


def test_it_lists_what_is_shared_alone_and_no_verdict(
    client: Client, mei: User, ola: User, run: Run
) -> None:
    private = queued(mei, loaded(), key="private")
    thread = start(mei, title="Mine, for all")
    hidden = start(mei, title="Hidden since")
    Thread.objects.filter(pk=hidden.pk).update(state="hidden")
    start(ola, title="Of somebody else")
    choose(mei, *EVERYTHING)
    for reader in (client, browser(ola), browser(mei)):
        page = words(reader.get("/people/mei"))
        assert f"/runs/{run.pk}" in page and str(private.pk) not in page
        assert thread.get_absolute_url() in page and "Somebody else" not in page
        assert "Hidden since" not in page and "Of somebody else" not in page
        assert "1 prediction of a run." in page and "Brier" not in page
        for outcome in ("holds", "does not hold", "depends", "%"):
            assert outcome not in page.partition("<main")[2].partition("</main>")[0]
    Run.objects.update(shared=False)
    page = words(client.get("/people/mei"))
    assert "No shared run yet." in page and str(run.pk) not in page


def test_numbers_need_so_many_predictions_that_none_is_given_away() -> None:
    assert prediction_sentences([]) == ["No prediction yet."]
    few = [Bin(90, MIN_ANSWERS - 1, MIN_ANSWERS - 1)]
    assert prediction_sentences(few) == [f"{MIN_ANSWERS - 1} predictions of runs."]
    enough = prediction_sentences([Bin(90, 5, 10)])
    assert enough[1:] == ["Overconfident by 40 points.", "Brier score 0.41 (0 is best)."]
    assert "Underconfident by 40 points." in prediction_sentences([Bin(60, 10, 10)])
    assert prediction_sentences([Bin(80, 8, 10)])[1].startswith("Well calibrated")


def test_it_asks_the_database_as_often_for_many_rows(
    client: Client, mei: User, run: Run, woken_queues: list[str]
) -> None:
    choose(mei, *EVERYTHING)
    start(mei)

    def queries() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/people/mei").status_code == 200
        return len(queries)

    few = queries()
    for number in range(MAX_ROWS + 1):
        Run.objects.create(
            **{
                column.attname: getattr(run, column.attname)
                for column in Run._meta.concrete_fields
                if column.attname not in ("id", "key")
            },
            key=f"copy-{number}",
        )
        start(mei, title=f"Number {number}")
    assert queries() == few <= 8
    page = words(client.get("/people/mei"))
    assert page.count('href="/runs/') == page.count('href="/threads/') == MAX_ROWS
    assert f"The latest {MAX_ROWS} of {MAX_ROWS + 2}." in page


def test_names_in_threads_lead_to_those_who_have_one(
    client: Client, mei: User, ola: User, thread: Thread
) -> None:
    reply(ola, thread)
    pages = (thread.get_absolute_url(), "/threads")
    for path in pages:
        assert "/people/" not in words(client.get(path))
    choose(mei, "page")
    for path in pages:
        page = words(client.get(path))
        assert '<a href="/people/mei">mei</a>' in page and "/people/ola" not in page


def test_it_is_in_the_archive_and_goes_with_the_account(client: Client, mei: User) -> None:
    choose(mei, "page", "runs")
    assert contents.account(mei)["profile"] == ["page", "runs"]
    delete_user(user=mei)
    assert client.get("/people/mei").status_code == 404


@pytest.mark.browser
@needs_browser[1]
@needs_browser[2]
def test_it_is_whole_in_a_browser(open_page: Open, mei: User, run: Run) -> None:
    start(mei)
    choose(mei, *EVERYTHING)
    look_over(open_page("/people/mei"))
    look_over(open_page("/settings", mei, viewport={"width": 390, "height": 800}))

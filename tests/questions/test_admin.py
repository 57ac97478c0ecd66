"""The admin: every table can be searched and filtered; drafts are published there; published
revisions are read-only.
"""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, transaction
from django.test import Client

from apps.accounts.models import User
from apps.questions import services
from apps.questions.limits import MAX_SYNONYM_LENGTH, MAX_SYNONYMS
from apps.questions.models import Bank, Question, Report, Revision, RevisionText
from apps.questions.selectors import question_page, questions
from tests.common.editing import edit, fields_of, send

TABLES = ("bank", "question", "revision", "revisiontext", "report")


@pytest.fixture
def operator(client: Client, db: None) -> Client:
    person = User.objects.create_superuser("op@example.org", "op", "a long password")
    client.force_login(person)
    return client


@pytest.fixture
def author(db: None) -> tuple[Client, User]:
    person = User.objects.create_user("author@example.org", "author", is_staff=True)
    names = (
        "view_question",
        "change_question",
        "view_revision",
        "change_revision",
        "add_revision",
        "view_revisiontext",
        "change_revisiontext",
    )
    person.user_permissions.set(
        Permission.objects.filter(content_type__app_label="questions", codename__in=names)
    )
    client = Client()
    client.force_login(person)
    return client, person


@pytest.mark.parametrize("table", TABLES)
def test_lists_search_and_filter(operator: Client, guess: Question, mei: User, table: str) -> None:
    assert guess.current is not None
    services.report_mistake(
        reporter=mei, revision=guess.current, about="fact", text="No.", language="en", key="k"
    )
    assert operator.get(f"/admin/questions/{table}/", {"q": "guess"}).status_code == 200
    assert operator.get(f"/admin/questions/{table}/", {"q": "猜测 \x00"[:2]}).status_code == 200


def test_a_new_revision_has_no_times(operator: Client, guess: Question) -> None:
    page = operator.get("/admin/questions/revision/add/").content.decode()
    assert (
        'name="title_en"' in page and "DatabaseDefault" not in page and "Published at" not in page
    )
    assert (
        "Created at"
        in operator.get(f"/admin/questions/revision/{guess.current_id}/change/").content.decode()
    )


def test_strangers_see_nothing_of_it(client: Client, guess: Question, mei: User) -> None:
    client.force_login(mei)
    assert client.get("/admin/questions/question/").status_code == 302


def test_a_published_revision_is_shown_and_not_edited(operator: Client, guess: Question) -> None:
    url = f"/admin/questions/revision/{guess.current_id}/change/"
    page = operator.get(url).content.decode()
    assert 'name="title_en"' not in page and "guess" in page
    assert operator.post(url, {"title_en": "else"}).status_code == 403
    assert operator.get(f"/admin/questions/revision/{guess.current_id}/delete/").status_code == 403


def test_a_draft_is_created_edited_and_published(operator: Client, guess: Question) -> None:
    first = guess.current_id
    answer = operator.post(
        "/admin/questions/question/", {"action": "make_draft", "_selected_action": [guess.pk]}
    )
    draft = Revision.objects.get(published_at=None)
    url = f"/admin/questions/revision/{draft.pk}/change/"
    assert answer.headers["Location"] == url and draft.number == 2
    assert 'name="title_en"' in operator.get(url).content.decode()
    Revision.objects.filter(pk=draft.pk).update(title_en="A better title")
    operator.post(
        "/admin/questions/revision/", {"action": "publish", "_selected_action": [draft.pk]}
    )
    guess.refresh_from_db()
    assert guess.current_id == draft.pk != first and guess.current is not None
    assert guess.current.title_html_en == "A better title" and guess.current.texts.count() == 12
    assert Revision.objects.get(pk=first).title_en != "A better title"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("answer_en", "broken $\\frac{1$", "answer (en): TeX"),
        ("statement_zh", "*没有：*结束", "statement (zh)"),
        (
            "facts",
            {"topic": "losses", "kinds": ["concept"], "difficulty": 9},
            "write a whole number from 1 to 5",
        ),
        ("claims", ["not a claim"], "write a claim (lab.claim)"),
        ("synonyms", "x" * (MAX_SYNONYM_LENGTH + 1), f"at most {MAX_SYNONYMS} synonyms"),
        ("synonyms", "\n".join("x" * (2 * MAX_SYNONYMS + 1)), f"at most {MAX_SYNONYMS} synonyms"),
        ("short_answer_zh", "", "short_answer: write it in both languages, or in none."),
        ("short_answer_en", "broken $\\frac{1$", "short_answer (en): TeX"),
    ],
)
def test_a_draft_with_faults_is_not_published_and_says_why(
    operator: Client, guess: Question, field: str, value: object, message: str
) -> None:
    draft = services.draft_from(question=guess)
    Revision.objects.filter(pk=draft.pk).update(**{field: value})
    answer = operator.post(
        "/admin/questions/revision/",
        {"action": "publish", "_selected_action": [draft.pk]},
        follow=True,
    )
    assert message in answer.content.decode()
    assert Revision.objects.get(pk=draft.pk).published_at is None


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        ("choice", {"part": 5}, "parts are numbered 1, 2, 3, … as they stand; these are 1, 3, 5"),
        ("step", {"part": 2}, "a text of the kind step cannot belong to part 2"),
        ("follow_up", {"detail_zh": ""}, "follow_up.0.0.detail: write it in both languages"),
        ("follow_up", {"detail_en": ""}, "follow_up.0.0.detail: write it in both languages"),
        ("derivation", {"text_zh": "推导。"}, "derivation.3.0.text: write it in both languages"),
        ("follow_up", {"detail_en": "*a"}, "follow_up.0.0.detail (en): “*a"),
    ],
)
def test_a_draft_with_faults_in_its_texts_is_not_published(
    guess: Question, kind: str, values: dict[str, object], message: str
) -> None:
    draft = services.draft_from(question=guess)
    draft.texts.filter(kind=kind).update(**values)
    with pytest.raises(services.NotPublishable) as refused:
        services.publish_draft(revision=draft)
    assert message in refused.value.message


def test_a_draft_may_have_as_many_synonyms_as_a_file(guess: Question) -> None:
    draft = services.draft_from(question=guess)
    synonyms = "\r\n".join(f"name {number}" for number in range(2 * MAX_SYNONYMS))
    Revision.objects.filter(pk=draft.pk).update(synonyms=synonyms)
    assert services.publish_draft(revision=draft).is_published
    assert {question.slug for question in questions(words="name 47")} == {"guess"}


def test_part_hints_short_answer_synonyms_and_answers_of_follow_ups_are_written_in_the_admin(
    operator: Client, guess: Question
) -> None:
    draft = services.draft_from(question=guess)
    url = f"/admin/questions/revision/{draft.pk}/change/"
    form = fields_of(operator.get(url))
    count = int(form["texts-TOTAL_FORMS"][0])
    row = {"kind": "hint", "part": "2", "position": "0", "text_en": "Look.", "text_zh": "看。"}
    changed = {f"texts-{count}-{name}": value for name, value in row.items()}
    changed |= {"texts-TOTAL_FORMS": str(count + 1)}
    changed |= {"short_answer_en": "Logs.", "short_answer_zh": "对数。", "synonyms": "luck\r\n运气"}
    (follow_up,) = (
        name.removesuffix("text_en") for name, value in form.items() if value == ["And then?"]
    )
    changed |= {f"{follow_up}detail_en": "Silence.", f"{follow_up}detail_zh": "沉默。"}
    assert edit(operator, url, **changed).status_code == 302
    draft.refresh_from_db()
    services.publish_draft(revision=draft)
    page = question_page(Revision.objects.get(pk=draft.pk), language="zh")
    assert page.parts[1].hints == ("<p>看。</p>",) and page.variant.hints_of("2") == 1
    assert "对数" in page.short_answer and "沉默" in page.follow_ups[0].answer
    assert {question.slug for question in questions(words="运气")} == {"guess"}


def test_only_a_derivation_may_be_without_text(operator: Client, guess: Question) -> None:
    draft = services.draft_from(question=guess)
    url = f"/admin/questions/revision/{draft.pk}/change/"
    form = fields_of(operator.get(url))
    (point,) = (name for name, value in form.items() if value == ["One point."])
    answer = edit(operator, url, **{point: ""})
    assert answer.status_code == 200
    assert "Write this text in both languages." in answer.content.decode()
    with pytest.raises(IntegrityError, match="a_text_has_words"), transaction.atomic():
        draft.texts.filter(kind="hint").update(text_zh="")


def test_publishing_needs_its_own_permission(author: tuple[Client, User], guess: Question) -> None:
    client, person = author
    draft = services.draft_from(question=guess)
    client.post("/admin/questions/revision/", {"action": "publish", "_selected_action": [draft.pk]})
    assert Revision.objects.get(pk=draft.pk).published_at is None
    person.user_permissions.add(Permission.objects.get(codename="publish_revision"))
    client.post("/admin/questions/revision/", {"action": "publish", "_selected_action": [draft.pk]})
    assert Revision.objects.get(pk=draft.pk).published_at is not None


def test_a_new_question_is_written_and_published_without_entering_its_facts_twice(
    operator: Client, guess: Question
) -> None:
    asked = {
        "bank": guess.bank_id,
        "slug": "new",
        "topic": "metrics",
        "kinds": "concept",
        "difficulty": "9",
    }
    answer = operator.post("/admin/questions/question/add/", asked).content.decode()
    assert "less than or equal to 5" in answer and "Constraint" not in answer
    operator.post("/admin/questions/question/add/", asked | {"difficulty": "2"})
    question = Question.objects.get(slug="new")
    words = {
        f"{name}_{language}": "Why?"
        for name in ("title", "statement", "answer")
        for language in ("en", "zh")
    }
    inlines = {"texts-TOTAL_FORMS": "1", "texts-INITIAL_FORMS": "0"}
    point = {
        "kind": "point",
        "part": "0",
        "position": "0",
        "key": "",
        "text_en": "So.",
        "text_zh": "如此。",
    }
    form = words | inlines | {f"texts-0-{name}": value for name, value in point.items()}
    operator.post(
        "/admin/questions/revision/add/",
        form | {"question": question.pk, "facts": "{}", "sources": "[]"},
    )
    draft = Revision.objects.get(question=question)
    assert draft.facts == {"topic": "metrics", "kinds": ["concept"], "difficulty": 2}
    page = operator.post(
        "/admin/questions/revision/",
        {"action": "publish", "_selected_action": [draft.pk]},
        follow=True,
    )
    *_earlier, message = page.context["messages"]
    assert str(message) == "new r1 has been published."


def test_a_report_is_answered_but_its_text_stays(
    operator: Client, guess: Question, mei: User
) -> None:
    assert guess.current is not None
    report = services.report_mistake(
        reporter=mei, revision=guess.current, about="fact", text="No.", language="en", key="k"
    )
    url = f"/admin/questions/report/{report.pk}/change/"
    edit(operator, url, state="fixed", note="Thanks.", text="other")
    report.refresh_from_db()
    assert (report.state, report.note, report.text) == ("fixed", "Thanks.", "No.")


def test_texts_of_the_admin_are_stored_with_lf(
    operator: Client, guess: Question, mei: User
) -> None:
    assert guess.current is not None
    report = services.report_mistake(
        reporter=mei, revision=guess.current, about="fact", text="لا", language="en", key="k"
    )
    page = f"/admin/questions/report/{report.pk}/change/"
    shown = operator.get(page)
    assert '<div dir="auto">لا</div>' in shown.content.decode()
    send(operator, page, fields_of(shown) | {"state": ["fixed"], "note": ["One.\r\nTwo."]})
    report.refresh_from_db()
    assert report.note == "One.\nTwo."


def test_every_table_is_tested() -> None:
    assert {
        model._meta.model_name for model in (Bank, Question, Revision, RevisionText, Report)
    } == set(TABLES)


def test_facts_that_cannot_be_stored_are_refused_and_the_question_of_a_draft_stays(
    operator: Client, guess: Question
) -> None:
    draft = services.draft_from(question=guess)
    url = f"/admin/questions/revision/{draft.pk}/change/"
    page = operator.get(url)
    assert "question" not in fields_of(page), "its number counts the revisions of this question"
    for facts, message in (
        ("[1]", "Facts must be one JSON object"),
        ("{", "Enter a valid JSON"),
        ("[" * 100_000, "nested at most 20 deep"),
        ('{"a": ' * 900 + "1" + "}" * 900, "nested at most 20 deep"),
        ('{"a": ' * 300 + "1" + "}" * 300, "nested at most 20 deep"),
        (f'{{"a": {"9" * 5000}}}', "numbers up to 1e+300"),
        ('{"a": "\\u0000", "b": NaN}', ""),
    ):
        answer = send(operator, url, fields_of(page) | {"facts": facts})
        assert answer.status_code == (200 if message else 302)
        assert message in answer.content.decode()
    assert Revision.objects.get(pk=draft.pk).facts == {"a": "", "b": None}


def test_a_question_with_a_published_revision_is_not_deleted(
    operator: Client, guess: Question
) -> None:
    operator.post(f"/admin/questions/question/{guess.pk}/delete/", {"post": "yes"})
    operator.post(
        "/admin/questions/question/",
        {"action": "delete_selected", "_selected_action": [guess.pk], "post": "yes"},
    )
    assert Question.objects.filter(pk=guess.pk).exists()


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "query",
    ["?q=%00", "?p=99999", "?o=x", "?id__exact=%00", "?no_such=1", "?all=", "?question__topic=%00"],
)
def test_addresses_typed_by_hand_lead_to_a_list(
    operator: Client, guess: Question, table: str, query: str
) -> None:
    assert operator.get(f"/admin/questions/{table}/{query}", follow=True).status_code in (200, 400)


@pytest.mark.parametrize("table", ["question", "revision"])
def test_an_impossible_primary_key_is_no_error(
    operator: Client, guess: Question, table: str
) -> None:
    action = {"question": "make_draft", "revision": "publish"}[table]
    answer = operator.post(
        f"/admin/questions/{table}/",
        {"action": action, "_selected_action": ["x\x00", "9" * 30]},
        follow=True,
    )
    assert answer.status_code == 200 and Revision.objects.count() == 2

"""Commands for studying: questions, answers, reviews."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from gradus_client import terminal
from gradus_client.client import Client
from gradus_client.commands import Context, add_list_arguments, whole
from gradus_client.errors import BadAnswer, NotFound, Refused
from gradus_client.models import (
    Answerable,
    AttemptDetail,
    AttemptPart,
    AttemptStep,
    QuestionDetail,
    QuestionPart,
)
from gradus_client.terminal import item, print_json, text
from gradus_client.text import html_to_text
from gradus_client.words import tr

MAX_TRIES = 3  # of an answer that cannot be read
RATINGS = "1234"


def add_commands(commands: Any, add: Any) -> None:
    parser = add(commands, "questions", questions, tr("List questions"))
    parser.add_argument("--topic", default="", metavar="TOPIC")
    parser.add_argument("--kind", default="", metavar="KIND")
    parser.add_argument("--difficulty", type=whole, metavar="N")
    parser.add_argument(
        "--words", default="", metavar="WORDS", help=tr("show those that contain these words")
    )
    add_list_arguments(parser)
    parser = add(commands, "question", question, tr("Show a question"))
    parser.add_argument("slug", metavar="SLUG")
    parser.add_argument("--json", action="store_true", help=tr("print JSON"))
    parser = add(commands, "answer", answer, tr("Answer a question, part by part or in one go"))
    parser.add_argument("slug", metavar="SLUG")
    parser.add_argument(
        "--part", default="1", metavar="NAME", help=tr("which part: 1, 4.2, written; by default 1")
    )
    parser.add_argument("--text", metavar="TEXT", help=tr("the answer; without it you are asked"))
    parser.add_argument("--confidence", type=int, choices=(50, 75, 95), help=tr("how sure, in %%"))
    parser.add_argument("--hint", action="store_true", help=tr("open the next hint"))
    parser.add_argument("--reveal", action="store_true", help=tr("open the reference answer"))
    parser.add_argument(
        "--rate", type=int, choices=(1, 2, 3, 4), help=tr("Again, Hard, Good, Easy")
    )
    parser.add_argument("--json", action="store_true", help=tr("print JSON"))
    parser = add(commands, "cards", cards, tr("List your cards, the most overdue first"))
    parser.add_argument("--due", action="store_true", help=tr("only those due today"))
    add_list_arguments(parser)
    parser = add(commands, "review", review, tr("Review what is due"))
    parser.add_argument(
        "--new", type=whole, default=0, metavar="N", help=tr("add up to this many new questions")
    )
    parser.add_argument(
        "--topic", default="", metavar="TOPIC", help=tr("topic of the new questions")
    )
    parser = add(commands, "undo", undo, tr("Take back your last rating"))
    parser = add(commands, "ledger", ledger, tr("List claims, and what runs say of them"))
    parser.add_argument("--topic", default="", metavar="TOPIC")
    parser.add_argument("--lab", default="", metavar="LAB")
    parser.add_argument("--verdict", default="", metavar="VERDICT")
    parser.add_argument(
        "--words", default="", metavar="WORDS", help=tr("show those that contain these words")
    )
    add_list_arguments(parser)


# ---------------------------------------------------------------- lists


def questions(context: Context) -> None:
    chosen = context.arguments
    rows = context.reader.questions.list(
        topic=chosen.topic, kind=chosen.kind, difficulty=chosen.difficulty, words=chosen.words
    )
    head = [tr("question"), tr("topic"), "★", tr("title")]
    context.show(
        rows,
        head,
        lambda one: (one.id, one.topic, "★" * one.difficulty, html_to_text(one.title_html)),
    )


def cards(context: Context) -> None:
    rows = context.client.cards.list(is_due=True if context.arguments.due else None)
    context.show(
        rows,
        [tr("question"), tr("state"), tr("due")],
        lambda one: (one.question_id, one.state, f"{one.due_at.astimezone():%Y-%m-%d %H:%M}"),
    )


def ledger(context: Context) -> None:
    chosen = context.arguments
    rows = context.reader.claims.list(
        topic=chosen.topic, lab_id=chosen.lab, verdict=chosen.verdict, words=chosen.words
    )
    context.show(
        rows,
        [tr("claim"), tr("verdict"), tr("what it says")],
        lambda one: (one.name, one.verdict.replace("_", " "), one.sentence or one.statement),
    )


# ---------------------------------------------------------------- one question


def question(context: Context) -> None:
    shown = context.reader.questions[context.arguments.slug]
    if context.arguments.json:
        print_json(shown.to_dict())
    else:
        show_question(context, shown)


def show_question(context: Context, shown: QuestionDetail | AttemptDetail) -> None:
    context.print()
    context.print(text(shown.title, "bold"))
    context.print()
    context.print(text(html_to_text(shown.statement_html)))
    if shown.starter_code:
        context.print()
        context.print(text(shown.starter_code, "cyan"))
    for part in shown.parts:
        show_part(context, part)


def show_part(context: Context, part: QuestionPart | AttemptPart) -> None:
    context.print()
    head = f"({part.name}) {html_to_text(part.html)}"
    context.print(text(head + (f"  [{part.unit}]" if part.unit else "")))
    for option in part.options:
        context.print(item(f"{option.key})", html_to_text(option.html), indent=4))


def answer(context: Context) -> int:
    chosen, client = context.arguments, context.client
    attempt = client.questions.attempt(chosen.slug)
    one_step = chosen.text is not None or chosen.hint or chosen.reveal or chosen.rate
    if not one_step:
        work_through(context, attempt, time.monotonic())
        return 0
    if chosen.hint:
        attempt = open_hint(client, attempt, chosen.part)
    if chosen.text is not None:
        part = part_of(attempt, chosen.part)
        fields = as_fields(part.kind if part else "written", chosen.text)
        check_keys(attempt, chosen.part, fields)
        attempt = client.attempts.answer(
            attempt.id, chosen.part, fields, confidence=chosen.confidence
        )
    if chosen.reveal:
        attempt = client.attempts.reveal(attempt.id)
    if chosen.rate:
        attempt = client.attempts.grade(attempt.id, chosen.rate, review_id=attempt.next_review_id)
    if chosen.json:
        print_json(attempt.to_dict())
        return 0
    if chosen.text is not None:
        show_outcome(context, answered_of(attempt, chosen.part))
    if chosen.hint:
        show_hints(context, attempt, chosen.part)
    if chosen.reveal:
        show_reference(context, attempt)
    if attempt.rating:
        show_rating(context, attempt)
    return 0


def part_of(attempt: AttemptDetail, name: str) -> AttemptPart | None:
    """Return a part by its name, or by that of one of its steps; None for the written answer."""
    return next((part for part in attempt.parts if part.name == name.partition(".")[0]), None)


def answered_of(attempt: AttemptDetail, name: str) -> Answerable:
    part = part_of(attempt, name)
    if part is None:
        return attempt.written
    steps = [step for step in part.open_steps if step.name == name]
    return steps[0] if steps else part


def as_fields(kind: str, answer: str) -> dict[str, Any]:
    """Return what was typed as the fields of an answer: keys of options with spaces or commas."""
    if kind in ("choice", "order"):
        keys = answer.replace(",", " ").split()
        return {"chosen" if kind == "choice" else "order": keys}
    return {"text": answer}


def check_keys(attempt: AttemptDetail, name: str, fields: Mapping[str, Any]) -> None:
    """Refuse keys that no option has: the site's own words for that are about its page."""
    part = part_of(attempt, name)
    keys = [option.key for option in part.options] if part else []
    for key in (*fields.get("chosen", ()), *fields.get("order", ())):
        if key not in keys:
            words = tr("There is no option “{key}”. The options: {keys}.")
            raise ValueError(words.format(key=key, keys=", ".join(sorted(keys))))


def open_hint(client: Client, attempt: AttemptDetail, name: str) -> AttemptDetail:
    part = part_of(attempt, name)
    if part is not None and part.hint_count:
        return client.attempts.hint(attempt.id, len(part.open_hints_html) + 1, part.name)
    return client.attempts.hint(attempt.id, len(attempt.open_hints_html) + 1)


def show_hints(context: Context, attempt: AttemptDetail, name: str) -> None:
    part = part_of(attempt, name)
    hints = part.open_hints_html if part is not None and part.hint_count else None
    for hint in attempt.open_hints_html if hints is None else hints:
        context.print(text(tr("Hint: {hint}").format(hint=html_to_text(hint)), "yellow"))


OUTCOMES: dict[str, tuple[str, str]] = {
    "right": ("✓", "green"),
    "wrong": ("✗", "red"),
    "kept": ("·", ""),
}


def show_outcome(context: Context, answered: Answerable) -> None:
    mark, style = OUTCOMES.get(answered.outcome, ("", ""))
    words = {"right": tr("Right."), "wrong": tr("Not right."), "kept": tr("Kept.")}
    told = html_to_text(answered.feedback) or words.get(answered.outcome, "")
    context.print(text(f"{mark} {told}".strip(), style))
    if answered.note:
        context.print(text(html_to_text(answered.note)))
    if answered.right_answer:
        context.print(
            text(tr("Answer: {answer}").format(answer=html_to_text(answered.right_answer)))
        )


def show_reference(context: Context, attempt: AttemptDetail) -> None:
    reference = attempt.reference_answer
    if reference is None:
        return
    context.print()
    context.print(text(tr("Reference answer"), "bold"))
    for html in (reference.short_answer_html, reference.answer_html):
        if html:
            context.print()
            context.print(text(html_to_text(html)))
    if reference.reference_code:
        context.print()
        context.print(text(reference.reference_code, "cyan"))
    for part in attempt.parts:
        if part.right_answer:
            context.print(text(f"({part.name}) {html_to_text(part.right_answer)}", "green"))
    if reference.points_html:
        context.print()
        context.print(text(tr("A good answer covers:")))
        for number, point in enumerate(reference.points_html, 1):
            context.print(item(f"{number}.", html_to_text(point)))


def show_rating(context: Context, attempt: AttemptDetail) -> None:
    names = {1: tr("Again"), 2: tr("Hard"), 3: tr("Good"), 4: tr("Easy")}
    words = tr("Rated {rating}.").format(rating=names.get(attempt.rating or 0, "?"))
    if attempt.due_at:
        words += " " + tr("Next: {day}.").format(day=f"{attempt.due_at.astimezone():%Y-%m-%d}")
    context.print(text(words))


# ---------------------------------------------------------------- in a dialogue


def work_through(context: Context, attempt: AttemptDetail, began: float) -> AttemptDetail:
    """Show a question, ask for its answers, reveal it, and ask for a rating."""
    client = context.client

    def seconds() -> float:
        return min(time.monotonic() - began, 3600.0)

    show_question(context, attempt)
    written: str | None = None
    if not attempt.is_revealed:
        for part in attempt.parts:
            attempt = answer_part(context, attempt, part.name)
        if not attempt.parts:
            context.print()
            written = terminal.ask(tr("Your answer (Enter to leave it empty):")) or None
        if attempt.hint_count > len(attempt.open_hints_html):
            attempt = offer_hints(context, attempt)
        attempt = client.attempts.reveal(attempt.id, written=written, seconds=seconds())
    show_reference(context, attempt)
    if attempt.rating:
        show_rating(context, attempt)
        return attempt
    rating = terminal.key(tr("1 Again · 2 Hard · 3 Good · 4 Easy?"), RATINGS)
    attempt = client.attempts.grade(
        attempt.id, int(rating), review_id=attempt.next_review_id, seconds=seconds()
    )
    show_rating(context, attempt)
    return attempt


def offer_hints(context: Context, attempt: AttemptDetail) -> AttemptDetail:
    """Open hints as long as they are asked for."""
    while attempt.hint_count > len(attempt.open_hints_html):
        if terminal.key(tr("Enter: reference answer · h: hint?"), "\nh") == "\n":
            break
        attempt = context.client.attempts.hint(attempt.id, len(attempt.open_hints_html) + 1)
        last = html_to_text(attempt.open_hints_html[-1])
        context.print(text(tr("Hint: {hint}").format(hint=last), "yellow"))
    return attempt


def answer_part(context: Context, attempt: AttemptDetail, name: str) -> AttemptDetail:
    """Ask for the answer to a part, step by step where it has steps; an empty one leaves it out."""

    def open_step() -> AttemptStep | None:
        part = part_of(attempt, name)
        steps = part.open_steps if part else []
        return next((step for step in steps if not step.is_done), None)

    part = part_of(attempt, name)
    if part is None:
        return attempt
    if part.kind != "derivation":
        if part.is_done:
            return attempt
        words = {
            "choice": tr("({name}) Keys of what you choose:"),
            "order": tr("({name}) Keys in their order:"),
        }.get(part.kind, tr("({name}) Your answer:"))
        return ask_for_answer(context, attempt, part.name, part.kind, words.format(name=name))[0]
    while (step := open_step()) is not None:
        context.print(text(html_to_text(step.html)))
        words = tr("({name}) This step:").format(name=step.name)
        attempt, is_answered = ask_for_answer(context, attempt, step.name, part.kind, words)
        if not is_answered:
            break
    return attempt


def ask_for_answer(
    context: Context, attempt: AttemptDetail, name: str, kind: str, words: str
) -> tuple[AttemptDetail, bool]:
    """Ask for one answer; one that cannot be read is asked for again. Returns also whether there
    was one.
    """
    for _ in range(MAX_TRIES):
        typed = terminal.ask(words)
        if not typed:
            break
        fields = as_fields(kind, typed)
        try:
            check_keys(attempt, name, fields)
            attempt = context.client.attempts.answer(attempt.id, name, fields)
        except (BadAnswer, ValueError) as error:
            context.print(text(str(error), "yellow"))
            continue
        show_outcome(context, answered_of(attempt, name))
        return attempt, True
    return attempt, False


def review(context: Context) -> int:
    client, chosen = context.client, context.arguments
    try:
        session = client.reviews.start(new_count=chosen.new, topic=chosen.topic)
    except Refused as error:
        if error.code != "nothing-to-review":
            raise
        context.print(tr("Nothing is due. To learn something new: gradus review --new 3"))
        return 0
    steps: dict[str, Callable[[str], None]] = {
        "s": lambda slug: void(client.reviews.skip(slug)),
        "u": lambda slug: take_back(context),
    }
    while session.current_question_id is not None:
        context.print()
        head = tr("Card {number} of {count}").format(
            number=min(session.done_count + 1, session.card_count), count=session.card_count
        )
        context.print(text(f"── {head} ──", "dim"))
        slug = session.current_question_id
        pressed = terminal.key(
            tr("Enter: show it · s: skip · u: undo the last · q: stop?"), "\nsuq"
        )
        if pressed == "q":
            return 0
        if pressed in steps:
            steps[pressed](slug)
        else:
            attempt = client.questions.attempt(slug, in_review=True)
            work_through(context, attempt, time.monotonic())
        try:
            session = client.reviews.session()
        except NotFound:  # it ended with its last card
            break
    context.print(
        tr("Done: {recalled} of {count} recalled.").format(
            recalled=session.recalled_count, count=session.done_count
        )
    )
    return 0


def void(_answer: object) -> None:
    """Take an answer of which nothing is shown."""


def take_back(context: Context) -> None:
    try:
        undone = context.client.reviews.undo()
    except Refused as error:
        context.print(text(str(error), "yellow"))
    else:
        words = tr("Taken back: your rating of {question}.")
        context.print(text(words.format(question=undone.question_id)))


def undo(context: Context) -> None:
    undone = context.client.reviews.undo()
    words = tr("Taken back: your rating of {question}.")
    context.print(text(words.format(question=undone.question_id)))

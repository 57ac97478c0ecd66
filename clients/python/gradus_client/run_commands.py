"""Commands for labs and runs."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gradus_client import terminal
from gradus_client.commands import Context, add_list_arguments, whole
from gradus_client.events import Event, StateChanged, state_of
from gradus_client.labs import Lab, Prediction, Run
from gradus_client.models import Curve, RunDetail
from gradus_client.pending import Pending
from gradus_client.terminal import chart, item, print_json, table, text
from gradus_client.words import tr

SECONDS_BETWEEN_DRAWINGS = 0.25
SHORT_ID, WHOLE_ID = 8, 36  # characters of a run's id
MAX_SEARCHED = 500  # runs among which a beginning is looked for
FORMATS = ("csv", "npz", "parquet")


def add_commands(commands: Any, add: Any) -> None:
    parser = add(commands, "labs", labs, tr("List labs"))
    parser.add_argument("--topic", default="", metavar="TOPIC")
    parser.add_argument(
        "--words", default="", metavar="WORDS", help=tr("show those that contain these words")
    )
    add_list_arguments(parser)
    parser = add(commands, "lab", lab, tr("Show a lab, and what may be set"))
    parser.add_argument("slug", metavar="LAB")
    parser.add_argument("--json", action="store_true", help=tr("print JSON"))
    parser = add(commands, "runs", list_runs, tr("Runs: submit, list, show, watch, compare, fetch"))
    runs = parser.add_subparsers(title=tr("commands"), metavar=tr("COMMAND"), required=True)

    parser = add(runs, "submit", submit, tr("Predict, and queue a run"))
    parser.add_argument("lab", metavar="LAB")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="settings",
        help=tr("change a setting; the others keep their defaults"),
    )
    parser.add_argument(
        "--replicates",
        type=whole,
        metavar="N",
        help=tr("how often the lab repeats each setting"),
    )
    parser.add_argument(
        "--outcome",
        choices=("holds", "depends", "does_not_hold"),
        help=tr("your prediction; without it you are asked"),
    )
    parser.add_argument("--confidence", type=whole, metavar="N", help=tr("how sure, in %%"))
    parser.add_argument(
        "--sketch",
        action="append",
        default=[],
        metavar="ARM=VALUE",
        help=tr("the value at which you expect a curve to end"),
    )
    parser.add_argument(
        "--no-prediction",
        action="store_true",
        help=tr("the verdict stays folded, and no prediction counts"),
    )
    parser.add_argument(
        "--key", default="", help=tr("idempotency key: the same key queues one run only")
    )
    parser.add_argument("--watch", action="store_true", help=tr("follow the run to its end"))
    parser.add_argument("--json", action="store_true", help=tr("print JSON"))

    parser = add(runs, "list", list_runs, tr("List your runs, the newest first"))
    parser.add_argument("--lab", default="", metavar="LAB")
    parser.add_argument("--state", default="", metavar="STATE")
    add_list_arguments(parser)
    for name, run, words in (
        ("show", show, tr("Show a run and its verdicts")),
        ("watch", watch, tr("Follow a run to its end")),
        ("cancel", cancel, tr("Stop a run")),
        ("open", open_verdict, tr("See a verdict without having predicted it")),
    ):
        parser = add(runs, name, run, words)
        parser.add_argument("id", metavar="ID")
        parser.add_argument("--json", action="store_true", help=tr("print JSON"))
    parser = add(runs, "compare", compare, tr("Show runs of one lab beside each other"))
    parser.add_argument("id", metavar="ID", nargs="+")
    parser.add_argument("--json", action="store_true", help=tr("print JSON"))
    parser = add(runs, "fetch", fetch, tr("Write all points of a run to files"))
    parser.add_argument("id", metavar="ID")
    for kind in FORMATS:
        parser.add_argument(
            f"--{kind}",
            nargs="?",
            const="",
            metavar="FILE",
            type=str,
            help=tr("by default <ID>.{kind}").format(kind=kind),
        )


# ---------------------------------------------------------------- labs


def labs(context: Context) -> None:
    chosen = context.arguments
    rows = context.reader.labs.list(topic=chosen.topic, words=chosen.words)
    context.show(
        rows,
        [tr("lab"), tr("topic"), tr("takes"), tr("title")],
        lambda one: (
            one.id,
            one.topic,
            f"{one.expected_seconds:.0f} s" if one.expected_seconds else "",
            one.title,
        ),
    )


def lab(context: Context) -> None:
    shown = context.reader.labs[context.arguments.slug].detail
    if context.arguments.json:
        print_json(shown.to_dict())
        return
    context.print(text(shown.title, "bold"))
    context.print(text(shown.question))
    context.print(text(f"{shown.model} · {shown.dataset}", "dim"))
    rows = [
        (setting.name, setting.title, setting.default, _allowed(setting))
        for setting in shown.lab_settings
    ]
    context.print(table([tr("setting"), tr("what"), tr("default"), tr("allowed")], rows))
    context.print()
    claims = [(claim.name, claim.statement) for claim in shown.claims]
    context.print(table([tr("claim"), tr("what it says")], claims))


def _allowed(setting: Any) -> str:
    if setting.choices:
        return ", ".join(map(str, setting.choices))
    if setting.minimum is None:
        return str(setting.value_type)
    return f"{setting.minimum:g} … {setting.maximum:g}"


# ---------------------------------------------------------------- submit


def submit(context: Context) -> int:
    chosen, client = context.arguments, context.client
    settings = dict(pair(one, "--set") for one in chosen.settings)
    lab = client.labs[chosen.lab]
    prediction = None if chosen.no_prediction else predicted(context, lab)
    more = {"prediction": prediction, "replicates": chosen.replicates}

    def send(key: str) -> Run:
        return client.runs.submit(lab.id, settings, **more, key=key)

    if chosen.key:
        run = send(chosen.key)
    else:
        asked = (client.url, lab.id, settings, prediction and prediction.to_json())
        with Pending(context.store.folder).key(*asked, chosen.replicates) as key:
            run = send(key)
    if chosen.json and not chosen.watch:
        print_json(run.detail.to_dict())
        return 0
    if not chosen.json:
        context.print(text(tr("Queued: {id}").format(id=run.id)))
        context.print(text(run.detail.url, "dim"))
    return follow(context, run) if chosen.watch else 0


def predicted(context: Context, lab: Lab) -> Prediction | None:
    """Return the prediction of the arguments, or of who is asked."""
    chosen, detail = context.arguments, lab.detail
    sketch = {arm: float(value) for arm, value in (pair(one, "--sketch") for one in chosen.sketch)}
    if chosen.outcome:
        if chosen.confidence is None:
            raise ValueError(
                tr("Say how sure you are: --confidence with one of {values}.").format(
                    values=", ".join(map(str, detail.confidences))
                )
            )
        if chosen.confidence not in detail.confidences:
            values = ", ".join(map(str, detail.confidences))
            raise ValueError(tr("Confidence is one of {values}, in %.").format(values=values))
        return Prediction(chosen.outcome, chosen.confidence, sketch)
    if chosen.confidence is not None or sketch:
        raise ValueError(
            tr("Say what you predict: --outcome with holds, depends or does_not_hold.")
        )
    if detail.verdict_access != "none":
        return None  # they have seen it: it would not count
    if not terminal.is_interactive():
        raise ValueError(
            tr("Predict first: --outcome and --confidence, or run it with --no-prediction.")
        )
    claim = next((one for one in detail.claims if one.name == detail.predicted_claim), None)
    context.print(text(claim.statement if claim else detail.question, "bold"))
    for number, outcome in enumerate(detail.outcomes, 1):
        context.print(text(f"  {number}  {outcome.title}"))
    keys = "".join(str(number) for number in range(1, len(detail.outcomes) + 1))
    pressed = terminal.key(tr("What do you predict?"), keys)
    predicted_outcome = detail.outcomes[int(pressed) - 1].outcome
    for number, percent in enumerate(detail.confidences, 1):
        context.print(text(f"  {number}  {percent}%"))
    keys = "".join(str(number) for number in range(1, len(detail.confidences) + 1))
    confidence = detail.confidences[int(terminal.key(tr("How sure are you?"), keys)) - 1]
    for arm in detail.sketched_arms:
        sketch[arm.name] = ask_number(arm.title, detail.sketch_low, detail.sketch_high)
    return Prediction(predicted_outcome, confidence, sketch)


def ask_number(title: str, low: float, high: float) -> float:
    while True:
        words = tr("{title}: where does it end, from {low} to {high}?")
        typed = terminal.ask(words.format(title=title, low=f"{low:g}", high=f"{high:g}"))
        try:
            value = float(typed)
        except ValueError:
            continue
        if low <= value <= high:
            return value


def pair(argument: str, option: str) -> tuple[str, Any]:
    """Return the name and the value of `name=value`; a value that is no JSON is a text."""
    name, equals, value = argument.partition("=")
    if not equals or not name.strip():
        raise ValueError(
            tr("{option} takes NAME=VALUE, not “{text}”.").format(option=option, text=argument)
        )
    try:
        return name.strip(), msgspec.json.decode(value)
    except msgspec.MsgspecError:
        return name.strip(), value


# ---------------------------------------------------------------- watch


def watch(context: Context) -> int:
    return follow(context, context.reader.runs[whole_id(context, context.arguments.id)])


def follow(context: Context, run: Run) -> int:
    """Show a run as it goes, then its verdicts; returns 1 unless it succeeded."""
    is_json = context.arguments.json
    if context.console.is_terminal and not is_json:
        _draw(context, run)
    else:
        told = ""
        for event in run.watch():
            if isinstance(event, StateChanged) and event.state != told and not is_json:
                told = event.state
                context.print(text(state_words(told)))
    if is_json:
        print_json(run.detail.to_dict())
    else:
        show_run(context, run.detail)
    return 0 if run.state == "succeeded" else 1


def state_words(state: str) -> str:
    """Return a sentence for a state; for one that this client does not know, its name."""
    return {
        "queued": tr("Queued."),
        "running": tr("Running."),
        "succeeded": tr("Finished."),
        "failed": tr("Failed."),
        "cancelled": tr("Stopped."),
        "limit_exceeded": tr("Stopped: it reached a limit."),
        "lost": tr("Lost: its worker is gone."),
    }.get(state, state.replace("_", " "))


def _draw(context: Context, run: Run) -> None:
    progress = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    )
    task = progress.add_task(run.state, total=run.detail.points_expected or None)

    def picture() -> Group:
        curves = first_series(run)
        return Group(progress, chart(curves, context.console.width))

    drawn = 0.0
    with Live(progress, console=context.console, refresh_per_second=4) as live:

        def tell(event: Event) -> None:
            nonlocal drawn
            if isinstance(event, StateChanged):
                words = event.state.replace("_", " ")
                if event.ahead:
                    words += " · " + tr("{count} before it").format(count=event.ahead)
                progress.update(
                    task,
                    description=words,
                    completed=event.points_done,
                    total=event.points_expected or None,
                )
            if time.monotonic() - drawn > SECONDS_BETWEEN_DRAWINGS:
                drawn = time.monotonic()
                live.update(picture())

        run.wait(tell)
        tell(state_of(run.detail))
        live.update(picture())


def first_series(run: Run) -> list[Curve]:
    """Return the curves, as far as they have come, of the first series."""
    curves = run.arrived()
    return [curve for curve in curves if curve.series == curves[0].series]


# ---------------------------------------------------------------- runs


def list_runs(context: Context) -> None:
    chosen = context.arguments
    rows = context.client.runs.list(lab_id=chosen.lab, state=chosen.state)
    context.show(
        rows,
        [tr("run"), tr("lab"), tr("state"), tr("queued"), tr("settings")],
        lambda one: (
            one.id[:SHORT_ID],
            one.lab_id,
            one.state.replace("_", " "),
            f"{one.queued_at.astimezone():%m-%d %H:%M}",
            settings_words(one.settings),
        ),
    )


def settings_words(settings: Mapping[str, Any]) -> str:
    """Return settings on a line, lists without brackets."""
    return " ".join(
        f"{name}={','.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in settings.items()
    )


def whole_id(context: Context, name: str) -> str:
    """Return the id of a run that begins so; the list shows beginnings. Only one's own are known.

    Raises:
        ValueError: none begins so, or several do.
    """
    if len(name) >= WHOLE_ID or not re.fullmatch(r"[0-9a-f-]{4,}", name.lower()):
        return name
    runs = context.client.runs.list().first(MAX_SEARCHED)
    ids = [run.id for run in runs if run.id.startswith(name.lower())]
    if len(ids) > 1:
        words = tr("Several runs of yours begin with “{name}”. Write more of the id.")
        raise ValueError(words.format(name=name))
    if not ids:
        raise ValueError(tr("No run of yours begins with “{name}”.").format(name=name))
    return ids[0]


def show(context: Context) -> None:
    run = context.reader.runs[whole_id(context, context.arguments.id)]
    if context.arguments.json:
        print_json(run.detail.to_dict())
    else:
        show_run(context, run.detail)


def show_run(context: Context, detail: RunDetail) -> None:
    context.print(text(f"{detail.lab_id} · {detail.state.replace('_', ' ')}", "bold"))
    context.print(text(settings_words(detail.settings), "dim"))
    if detail.error:
        context.print(text(detail.error, "red"))
    if detail.is_folded:
        words = tr("The verdict is folded: you have not predicted it. To see it: {command}")
        context.print(text(words.format(command=f"gradus runs open {detail.id}")))
    for verdict in detail.verdicts:
        outcome = verdict.outcome.replace("_", " ")
        context.print(item(f"{outcome}:", verdict.sentence or verdict.statement))
    prediction = detail.prediction
    if prediction is not None:
        words = tr("You predicted: {outcome}, {confidence}% sure.").format(
            outcome=prediction.outcome.replace("_", " "), confidence=prediction.confidence
        )
        if prediction.was_right is not None:
            words += " " + (tr("Right.") if prediction.was_right else tr("Not right."))
        context.print(text(words))
        if prediction.not_counted:
            context.print(text(why_not_counted(prediction.not_counted), "dim"))


def why_not_counted(reason: str) -> str:
    return {
        "opened": tr("Not counted: you had opened the verdict before."),
        "predicted": tr("Not counted: you had predicted these settings before."),
        "watched": tr("Not counted: you had run these settings before."),
    }.get(reason, reason)


def cancel(context: Context) -> None:
    run = context.client.runs[whole_id(context, context.arguments.id)].cancel()
    if context.arguments.json:
        print_json(run.detail.to_dict())
    else:
        context.print(text(state_words(run.state)))


def open_verdict(context: Context) -> None:
    run = context.client.runs[whole_id(context, context.arguments.id)].open_verdict()
    if context.arguments.json:
        print_json(run.detail.to_dict())
    else:
        show_run(context, run.detail)


def compare(context: Context) -> None:
    compared = context.reader.runs.compare(
        *(whole_id(context, name) for name in context.arguments.id)
    )
    if context.arguments.json:
        print_json(compared.to_dict())
        return
    names = compared.differing_settings
    rows = [
        (
            run.id[:SHORT_ID],
            run.state,
            *(run.settings.get(name, "") for name in names),
            _verdicts(run),
        )
        for run in compared.runs
    ]
    context.print(table([tr("run"), tr("state"), *names, tr("verdict")], rows))


def _verdicts(run: Any) -> str:
    return "; ".join(verdict.outcome.replace("_", " ") for verdict in run.verdicts)


def fetch(context: Context) -> int:
    chosen = context.arguments
    wanted = {kind: value for kind in FORMATS if (value := getattr(chosen, kind)) is not None}
    if not wanted:
        raise ValueError(tr("Which format? --csv, --npz, --parquet, or several of them."))
    run = context.reader.runs[whole_id(context, chosen.id)]
    for kind, name in wanted.items():
        path = Path(name or f"{run.id}.{kind}")
        run.fetch(path, kind)
        context.print(text(tr("Written: {path}").format(path=path)))
    return 0

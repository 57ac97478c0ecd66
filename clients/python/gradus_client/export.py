"""All that the API gives of a person, in one zip file. The site's own archive, on the page “Your
data”, has more: what is older, and what no program needs.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from gradus_client.client import Client
from gradus_client.errors import NotFound, VerdictHidden
from gradus_client.models import Model
from gradus_client.points import HEAD


def write(client: Client, path: Path, *, with_points: bool = True) -> Iterator[str]:
    """Write the archive, and yield the name of each file in it. Until it is whole it has another
    name.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in _files(client, with_points=with_points):
                archive.writestr(name, text)
                yield name
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _files(client: Client, *, with_points: bool) -> Iterator[tuple[str, str]]:
    yield "me.json", _json(client.me())
    yield "plan.json", _json(client.plan())
    yield "statistics.json", _json(client.statistics())
    yield "cards.json", _json(client.cards.list())
    yield "reviews.json", _json(client.reviews.list())
    yield "bookmarks.json", _json(client.bookmarks.list())
    attempts = list(client.attempts.list())
    yield "attempts.json", _json(client.attempts[one.id] for one in attempts)
    slugs = dict.fromkeys(one.question_id for one in attempts)
    yield "notes.json", _json(note for slug in slugs if (note := _note(client, slug)))
    runs = list(client.runs.list())
    yield "runs.json", _json(client.runs[one.id].detail for one in runs)
    for one in runs if with_points else []:
        try:
            rows = client.runs[one.id].points().rows()
        except VerdictHidden:  # neither predicted nor opened: it stays folded
            continue
        file = io.StringIO()
        writer = csv.writer(file)
        writer.writerow(HEAD)
        writer.writerows(["" if value is None else value for value in row] for row in rows)
        yield f"runs/{one.id}.csv", file.getvalue()


def _note(client: Client, slug: str) -> Model | None:
    try:
        note = client.questions.note(slug)
    except NotFound:  # the question was withdrawn
        return None
    return note if note.note else None


def _json(data: Model | Iterable[Model]) -> str:
    plain: Any = data.to_dict() if isinstance(data, Model) else [one.to_dict() for one in data]
    return json.dumps(plain, ensure_ascii=False, indent=1, default=str)

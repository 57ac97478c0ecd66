"""What is deleted with a user, and what stays without their name: one walk over all models, for the
service, the admin's pages and the tests.

A row whose relation has `on_delete=CASCADE` is deleted with the user, and so on from row to row.
With `SET_NULL` the row stays, anonymous. `HANDED_OVER` are relations of third-party apps that have
CASCADE although their rows are not the user's alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any

from django.contrib.admin.models import LogEntry
from django.db.models import CASCADE, Model, Q, QuerySet
from django.db.models.deletion import get_candidate_relations_to_delete

from apps.accounts.models import User

# the log of what an operator did to others' rows is kept, in the name of the project's account
HANDED_OVER: Mapping[type[Model], str] = {LogEntry: "user"}


@dataclass
class Reach:
    """The models that a user's deletion reaches, with lookups from the model to the user."""

    deleted: dict[type[Model], list[str]] = field(default_factory=dict)
    kept: dict[type[Model], list[str]] = field(default_factory=dict)

    def deleted_rows(self, model: type[Model], pks: Iterable[int]) -> QuerySet[Any]:
        return _rows(model, self.deleted.get(model, []), pks)

    def kept_rows(self, model: type[Model], pks: Iterable[int]) -> QuerySet[Any]:
        deleted = self.deleted_rows(model, pks).values("pk")
        return _rows(model, self.kept.get(model, []), pks).exclude(pk__in=deleted)


def reach() -> Reach:
    """Return every model that a user's deletion reaches, with the lookups that lead to it."""
    models = Reach()
    pending: list[tuple[type[Model], str]] = [(User, "")]
    while pending:
        owner, path = pending.pop()
        for model, name, is_deleted in _relations(owner):
            lookup = f"{name}__{path}" if path else name
            lookups = (models.deleted if is_deleted else models.kept).setdefault(model, [])
            if lookup not in lookups:
                lookups.append(lookup)
                if is_deleted and model not in (owner, User):
                    pending.append((model, lookup))
    return models


def _relations(owner: type[Model]) -> Iterator[tuple[type[Model], str, bool]]:
    """Yield the models that refer to `owner`, the field that does, and whether a row is deleted
    with the owner.
    """
    relation: Any
    for relation in get_candidate_relations_to_delete(owner._meta):
        model, name = relation.related_model, relation.field.name
        yield model, name, relation.on_delete is CASCADE and HANDED_OVER.get(model) != name


def count(users: Iterable[User]) -> tuple[dict[type[Model], int], dict[type[Model], int]]:
    """Return how many rows of each model are deleted with these users, and how many stay without
    their names. Models without rows are left out.
    """
    pks = [user.pk for user in users]
    models = reach()
    deleted = {model: models.deleted_rows(model, pks).count() for model in models.deleted}
    kept = {model: models.kept_rows(model, pks).count() for model in models.kept}
    return _without_zeros(deleted), _without_zeros(kept)


def _rows(model: type[Model], lookups: Iterable[str], pks: Iterable[int]) -> QuerySet[Any]:
    """Return the rows of a model from which one of the lookups leads to one of the users."""
    conditions = [Q(**{f"{lookup}__in": pks}) for lookup in lookups]
    rows = model._base_manager.all()
    return rows.filter(reduce(or_, conditions)) if conditions else rows.none()


def _without_zeros(counts: Mapping[type[Model], int]) -> dict[type[Model], int]:
    return {model: rows for model, rows in counts.items() if rows}

"""Requests that schemathesis generates from the description of the API, as people of four roles:
whatever fits the description, or just does not, gets an answer that is described, and never a 500.

Every request is undone. Half of those with an id name something of the learner's that exists.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import schemathesis
from django.contrib.auth.models import Group
from django.db import transaction
from django.urls import Resolver404, resolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.core import NotSet

from apps.accounts.models import User
from apps.accounts.services import restore_roles
from apps.api.api import description
from tests.api.conftest import Program
from tests.api.fitting import faults
from tests.contracts.test_routes import Cast
from tests.searching import SEARCH, examples

pytestmark = [pytest.mark.attack, pytest.mark.django_db]
ROLES = ("nobody", "learner", "author", "operator")
STEP = 1 if SEARCH else len(ROLES)  # in the gate each role sends every fourth operation
SET_BY_THE_PROGRAM = {"authorization", "cookie", "host", "content-type", "content-length"}


def operations() -> list[Any]:
    """Return the operations that are described, but for streams, which go on."""
    schema = schemathesis.openapi.from_dict(json.loads(description()))
    described = [result.ok() for result in schema.get_all_operations()]
    return [one for one in described if not one.definition.raw["operationId"].startswith("stream")]


class People:
    """A program of each role, and what exists."""

    def __init__(self) -> None:
        self.cast = Cast()
        restore_roles()
        owner = User.objects.get(pk=self.cast.run.owner_id)
        self.programs = {"nobody": Program(), "learner": Program(owner)}
        for role in ("author", "operator"):
            person = User.objects.create_user(f"{role}@example.net", role, is_staff=True)
            person.groups.add(Group.objects.get(name=role))
            self.programs[role] = Program(person)

    def existing(self, path: str) -> str:
        """Return the address of what exists, for an address of the same kind with made-up ids."""
        try:
            return self.cast.url(resolve(path).view_name)
        except Resolver404:
            return path

    def send(self, role: str, case: Case, *, exists: bool) -> list[str]:
        """Send a request, undo it, and return what is wrong with its answer."""
        program, path = self.programs[role], case.formatted_path
        if exists and case.path_parameters:
            path = self.existing(path)
        headers = {
            name: str(value)
            for name, value in (case.headers or {}).items()
            if name.lower() not in SET_BY_THE_PROGRAM
        }
        body = b"" if isinstance(case.body, NotSet) else json.dumps(case.body, default=str).encode()
        with transaction.atomic():
            answer = program.client.generic(
                case.method,
                path,
                body,
                content_type=case.media_type or "application/json",
                query_params=case.query or None,
                headers=headers | program.headers,
            )
            transaction.set_rollback(True)
        wrong = faults(case.method, path, answer)
        if answer.status_code >= 500 and answer.status_code != 503:
            wrong.append(str(answer.status_code))
        sent = f"{case.method} {path} {case.query} {body[:200]!r} {headers} as {role}"
        return [f"{sent}: {fault}" for fault in wrong]


@pytest.mark.parametrize("role", ROLES)
def test_whatever_is_sent_gets_an_answer_that_is_described(role: str) -> None:
    people = People()
    wrong: list[str] = []
    for number, operation in enumerate(operations()):
        if (number + ROLES.index(role)) % STEP:
            continue

        @settings(max_examples=examples(4), database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy(), exists=st.booleans())
        def send(case: Case, exists: bool) -> None:
            wrong.extend(people.send(role, case, exists=exists))

        send()
    assert not wrong, "\n".join(wrong[:30])

"""A member's form that arrived without their session: kept in the browser's session until they have
signed in again, shown to nobody else, and sent only by a press of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from django.http import HttpRequest

from apps.common.redirects import came_from, is_local, page_above

OWNER, NAME = "form_owner", "pending_form"  # hidden fields: whose form it is, which one was kept
SESSION_KEY = "pending_forms"
TEXTS = ("text", "note")  # fields that are written in
NOT_KEPT = {"csrfmiddlewaretoken", OWNER, NAME}
MAX_FORMS = 5  # in one session
MAX_LENGTH = 100_000  # characters of one form


@dataclass(frozen=True)
class PendingForm:
    owner: str  # primary key of the account whose page the form was on
    action: str  # path and query
    page: str  # path that leads back
    fields: Sequence[Sequence[str]]  # name, value

    @property
    def texts(self) -> list[str]:
        return [value for name, value in self.fields if name in TEXTS and value.strip()]

    @property
    def choices(self) -> list[Sequence[str]]:
        """What is sent along but not written in."""
        return [field for field in self.fields if field[0] not in TEXTS]

    @property
    def written(self) -> list[Sequence[str]]:
        return [field for field in self.fields if field[0] in TEXTS]


def owner_of(request: HttpRequest) -> str:
    """Return whose page a posted form was on; nothing for a visitor's."""
    return request.POST.get(OWNER, "")


def posted(request: HttpRequest) -> PendingForm:
    """Return the form of this request."""
    fields = [
        [name, value]
        for name, values in request.POST.lists()
        if name not in NOT_KEPT
        for value in values
    ]
    page = came_from(request) or page_above(request.path)
    return PendingForm(owner_of(request), request.get_full_path(), page, fields)


def hold(request: HttpRequest, form: PendingForm) -> UUID | None:
    """Keep a form in the session, under a name; None where it is too long for that."""
    if sum(len(name) + len(value) for name, value in form.fields) > MAX_LENGTH:
        return None
    name, forms = uuid4(), request.session.get(SESSION_KEY, {})
    kept = dict(list(forms.items())[1 - MAX_FORMS :])
    request.session[SESSION_KEY] = kept | {str(name): vars(form)}
    return name


def find(request: HttpRequest, name: UUID) -> PendingForm | None:
    """Return a form that the reader sent; nothing of another account."""
    kept = request.session.get(SESSION_KEY, {}).get(str(name))
    form = PendingForm(**kept) if kept else None
    mine = form is not None and form.owner == str(request.user.pk)
    return form if mine and form is not None and is_local(form.action) else None


def drop(request: HttpRequest, name: str) -> None:
    forms = request.session.get(SESSION_KEY, {})
    if name in forms:
        request.session[SESSION_KEY] = {key: form for key, form in forms.items() if key != name}

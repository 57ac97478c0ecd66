"""A member's form that was sent without their session. It is stored in the browser's session until
they have signed in again, shown to nobody else, and sent only when they press a button.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from django.http import HttpRequest

from apps.common.redirects import is_local, parent_page, referring_page

# hidden fields: primary key of the account whose form it is, name of the stored form
OWNER, NAME = "form_owner", "pending_form"
SESSION_KEY = "pending_forms"
TEXT_FIELDS = ("text", "note")
NOT_STORED = {"csrfmiddlewaretoken", OWNER, NAME}
MAX_FORMS = 5  # of one session
MAX_LENGTH = 100_000  # characters of one form


@dataclass(frozen=True)
class PendingForm:
    owner: str  # primary key of the account whose page the form was on
    action: str  # path and query
    page: str  # path that leads back
    fields: Sequence[Sequence[str]]  # name, value

    @property
    def texts(self) -> list[str]:
        return [value for name, value in self.fields if name in TEXT_FIELDS and value.strip()]

    @property
    def choices(self) -> list[Sequence[str]]:
        """The fields without a text: what was chosen, and hidden fields."""
        return [field for field in self.fields if field[0] not in TEXT_FIELDS]

    @property
    def written(self) -> list[Sequence[str]]:
        return [field for field in self.fields if field[0] in TEXT_FIELDS]


def owner_of(request: HttpRequest) -> str:
    """Return the primary key of the account whose page a form was on; empty for a visitor's."""
    return request.POST.get(OWNER, "")


def posted(request: HttpRequest) -> PendingForm:
    """Return the form that this request sends."""
    fields = [
        [name, value]
        for name, values in request.POST.lists()
        if name not in NOT_STORED
        for value in values
    ]
    page = referring_page(request) or parent_page(request.path)
    return PendingForm(owner_of(request), request.get_full_path(), page, fields)


def store(request: HttpRequest, form: PendingForm) -> UUID | None:
    """Store a form in the session. Returns its name; None if it is too long."""
    if sum(len(name) + len(value) for name, value in form.fields) > MAX_LENGTH:
        return None
    name, forms = uuid4(), request.session.get(SESSION_KEY, {})
    latest = dict(list(forms.items())[1 - MAX_FORMS :])
    request.session[SESSION_KEY] = latest | {str(name): vars(form)}
    return name


def load(request: HttpRequest, name: UUID) -> PendingForm | None:
    """Return a stored form of this account; None if there is none of this name."""
    stored = request.session.get(SESSION_KEY, {}).get(str(name))
    form = PendingForm(**stored) if stored else None
    if form is None or form.owner != str(request.user.pk) or not is_local(form.action):
        return None
    return form


def discard(request: HttpRequest, name: str) -> None:
    forms = request.session.get(SESSION_KEY, {})
    if name in forms:
        request.session[SESSION_KEY] = {key: form for key, form in forms.items() if key != name}

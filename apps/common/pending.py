"""A member's form that was sent without their session, or a sensitive one without their password.
It is kept for a day until they have signed in again, shown to nobody else and in no other browser,
and sent only when they press a button.

Each form has a session of its own, and a cookie with its key. Two tabs that send forms at once have
no session in common: one would overwrite what the other stored, or the browser keep only one of two
new sessions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponse

from apps.common import write_limits
from apps.common.errors import TooManyAttempts
from apps.common.redirects import is_local, parent_page, referring_page

# hidden fields: primary key of the account whose form it is, name of the stored form
OWNER, NAME = "form_owner", "pending_form"
SESSION_KEY = "pending_form"
TEXT_FIELDS = ("text", "note", "words")
NOT_STORED = {"csrfmiddlewaretoken", OWNER, NAME}
MAX_FORMS = 5  # of one browser
MAX_AGE = 24 * 3600  # seconds
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


def posted(request: HttpRequest, owner: str = "") -> PendingForm:
    """Return the form that this request sends, without passwords.

    Args:
        owner: primary key of the account whose form it is; by default the one that the form names.
    """
    fields = [
        [name, value]
        for name, values in request.POST.lists()
        if name not in NOT_STORED and "password" not in name
        for value in values
    ]
    page = referring_page(request) or parent_page(request.path)
    return PendingForm(owner or owner_of(request), request.get_full_path(), page, fields)


@dataclass(frozen=True)
class KeptForm:
    name: UUID
    key: str  # of its session

    def set_cookie(self, response: HttpResponse) -> None:
        response.set_cookie(
            _cookie(self.name),
            self.key,
            max_age=MAX_AGE,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )


def store(request: HttpRequest, form: PendingForm) -> KeptForm | None:
    """Keep a form; None if it is too long, the browser has MAX_FORMS already, or too many come from
    its network. The response needs its cookie.
    """
    session = _new_session(request)
    keys = [key for name, key in request.COOKIES.items() if name.startswith(_cookie(""))]
    stored = [key for key in keys if _new_session(request, key).session_key]
    length = sum(len(name) + len(value) for name, value in form.fields)
    if length > MAX_LENGTH or sum(map(session.exists, stored)) >= MAX_FORMS:
        return None
    try:
        write_limits.count_visit(request, length)
    except TooManyAttempts:
        return None
    session[SESSION_KEY] = vars(form)
    session.set_expiry(MAX_AGE)
    session.create()
    return KeptForm(uuid4(), str(session.session_key))


def load(request: HttpRequest, name: UUID | str) -> PendingForm | None:
    """Return a form of this account that this browser keeps; None if there is none of this name."""
    key = request.COOKIES.get(_cookie(name))
    stored = _new_session(request, key).get(SESSION_KEY) if key else None
    form = PendingForm(**stored) if stored else None
    if form is None or form.owner != str(request.user.pk) or not is_local(form.action):
        return None
    return form


def discard(request: HttpRequest, name: UUID | str) -> None:
    if load(request, name):
        _new_session(request, request.COOKIES[_cookie(name)]).delete()


def _cookie(name: UUID | str) -> str:
    return f"{settings.SESSION_COOKIE_NAME}-form-{name}"


def _new_session(request: HttpRequest, key: str | None = None) -> SessionBase:
    """Return a session that is not the request's, from the same store."""
    return type(request.session)(key)

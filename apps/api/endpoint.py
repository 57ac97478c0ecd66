"""What every endpoint of `/api/v1/` is built on.

An endpoint is one address: a class with a method for each operation and, inside it, the serializers
of what goes in and out. It names the scope that each method needs, reads with a serializer, calls a
service or a selector, and returns a `Response`. It has no rule of its own: what a service refuses
is answered as a problem document by `common.api_errors`.

    class NoteEndpoint(Endpoint):
        scopes = {"GET": Scope.READ, "PUT": Scope.STUDY}

        class Note(Output): ...
        class NewNote(Input): ...

        @operation("Your note on a question", response=Note, example={...})
        def get(self, request: Request, slug: str) -> Response: ...
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any, ClassVar, TypeVar

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.forms import BaseForm
from django.http import HttpRequest
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import JSONParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from apps.accounts.models import User
from apps.accounts.reauthentication import has_entered_password
from apps.accounts.second_factors import has_second_factor
from apps.api.authentication import SiteSession, TokenAuthentication, token_of
from apps.api.errors import ScopeMissing
from apps.api.limits import BY_SCOPE, count_request, limit_headers
from apps.api.models import ApiToken
from apps.api.scopes import Scope
from apps.common.errors import (
    BadRequest,
    Forbidden,
    NotAuthorised,
    PasswordNeeded,
    SecondFactorNeeded,
    TooLarge,
)
from apps.common.problems import answers_json
from apps.common.write_limits import Bucket

Read = TypeVar("Read", bound=BaseSerializer[Any])
SAFE = ("GET", "HEAD", "OPTIONS")


def method_of(request: Request) -> str:
    """Return the method whose rules a request is under: HEAD is read as GET is."""
    return "GET" if request.method == "HEAD" else str(request.method)


class Json(JSONParser):
    """JSON, nested as deeply as Python reads it."""

    def parse(self, *args: Any, **options: Any) -> Any:
        try:
            return super().parse(*args, **options)
        except RecursionError:
            raise ParseError(_("it is nested too deeply")) from None


def check_scope(token: ApiToken, scope: Scope) -> None:
    """Check that a token was made for this; ScopeMissing otherwise."""
    if scope.value not in token.scopes:
        raise ScopeMissing(scope.value)


def check_staff(request: Request, permission: str) -> None:
    """Check a permission of staff, which takes a second factor where the site asks for one.

    Raises:
        Forbidden, SecondFactorNeeded: it is missing.
    """
    if not request.user.has_perm(permission):
        raise Forbidden
    assert isinstance(request.user, User)
    if settings.STAFF_NEED_SECOND_FACTOR and not has_second_factor(request.user):
        raise SecondFactorNeeded


class HasScope(BasePermission):
    """Whether the token has the scope of the method, and its owner the permission of the endpoint.
    A session has every scope, and no more permissions than its owner.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        assert isinstance(view, Endpoint)
        method = method_of(request)
        if method not in view.scopes:
            return True  # answered with 405
        if view.is_open:
            return True
        if not request.user.is_authenticated:
            if view.is_public and method in SAFE:
                return True
            raise NotAuthorised(
                _("Send `Authorization: Bearer <token>`. Tokens are made on the account page.")
            )
        token, scope = token_of(request), view.scopes[method]
        if token is not None:
            check_scope(token, scope)
        elif method in view.sensitive and not has_entered_password(request._request):
            raise PasswordNeeded
        if view.permission:
            check_staff(request, view.permission)
        return True


class Endpoint(APIView):
    """An address of the API."""

    authentication_classes = [TokenAuthentication, SiteSession]
    permission_classes = [HasScope]
    parser_classes = [Json]
    # by method, the scope that a token needs; what is not here is answered with 405
    scopes: ClassVar[Mapping[str, Scope]] = {}
    is_public: ClassVar[bool] = False  # whether anybody may read
    # whether anybody may send, and nobody is asked who they are: what they carry is of no account
    is_open: ClassVar[bool] = False
    permission: ClassVar[str] = ""  # of Django, that the person needs besides
    # methods that a session may use for some minutes after the password was entered, as the pages
    # that do the same; a token was made with the password
    sensitive: ClassVar[frozenset[str]] = frozenset()
    # by method, the kind of write in `common.write_limits`; else that of the scope
    limits: ClassVar[Mapping[str, str]] = {}
    reads_body: ClassVar[bool] = True  # false: of a file, which its parser bounds

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        return answers_json(super().as_view(**initkwargs))

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Begin a request: whose it is, whether they may, in which language, and how often."""
        if self.reads_body:
            read_body(request._request)
        _speak(request, None)
        super().initial(request, *args, **kwargs)
        _speak(request, request.user if isinstance(request.user, User) else None)
        timezone.activate(UTC)  # all times of the API; the site's middleware ends it
        self.bucket = self.count(request)

    def get_authenticators(self) -> list[Any]:
        return [] if self.is_open else super().get_authenticators()

    def count(self, request: Request) -> Bucket | None:
        """Count the request. Returns what is left; None for a method that is refused."""
        method = method_of(request)
        if method not in self.scopes:
            return None
        by_scope = "reads" if method == "GET" else BY_SCOPE[self.scopes[method]]
        size = len(request._request.body) if self.reads_body and method != "GET" else 0
        return count_request(request, self.limits.get(method, by_scope), size=size)

    def perform_content_negotiation(self, request: Request, force: bool = True) -> Any:
        """Answer with JSON whatever is accepted: a browser that opens an address shows it, too."""
        return super().perform_content_negotiation(request, force=True)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        for name, value in limit_headers(getattr(self, "bucket", None)).items():
            response[name] = value
        if response.status_code == 401:
            response["WWW-Authenticate"] = TokenAuthentication().authenticate_header(request)
        return response

    def person(self) -> User:
        """Return who asks, where nobody else gets."""
        assert isinstance(self.request.user, User)
        return self.request.user

    def reader(self) -> User | None:
        """Return who asks; None for a visitor of an endpoint that is public."""
        return self.request.user if isinstance(self.request.user, User) else None


def read(request: Request, kind: type[Read], **options: Any) -> Any:
    """Return the valid data of a request's body.

    Raises:
        BadRequest: a field is missing, unknown or invalid. `extra["errors"]` has a list of
            `{"field", "message"}`; a field within another is `settings.depth`.
    """
    return _validated(kind(data=request.data, **options))


def read_query(request: Request, kind: type[Read]) -> Any:
    """Return the valid parameters of a request's address, but those of `paging`.

    Raises:
        BadRequest: as `read`.
    """
    parameters = request.query_params.copy()
    for name in ("limit", "cursor"):
        parameters.pop(name, None)
    return _validated(kind(data=parameters))


def _validated(serializer: BaseSerializer[Any]) -> Any:
    try:
        serializer.is_valid(raise_exception=True)
    except ValidationError as error:
        raise invalid(error) from None
    return serializer.validated_data


def invalid(error: ValidationError) -> BadRequest:
    """Return the refusal of a request with invalid fields."""
    errors = list(_flat(error.detail, ""))
    first = errors[0] if errors else {"field": "", "message": ""}
    message = f"{first['field']}: {first['message']}" if first["field"] else first["message"]
    return BadRequest(message, errors=errors)


def invalid_form(form: BaseForm) -> BadRequest:
    """Return the refusal of what a form of the site, which has the rule, does not take."""
    errors = [
        {"field": "" if name == "__all__" else name, "message": str(message)}
        for name, messages in form.errors.items()
        for message in messages
    ]
    return BadRequest(f"{errors[0]['field']}: {errors[0]['message']}", errors=errors)


def _flat(detail: Any, field: str) -> list[dict[str, str]]:
    if isinstance(detail, Mapping):
        pairs = [(str(name), value) for name, value in detail.items()]
    elif isinstance(detail, list) and any(isinstance(one, (dict, list)) for one in detail):
        pairs = [(str(place), value) for place, value in enumerate(detail) if value]
    else:
        texts = detail if isinstance(detail, list) else [detail]
        return [{"field": field, "message": str(text)} for text in texts]
    flat = []
    for name, value in pairs:
        inner = field if name == "non_field_errors" else f"{field}.{name}" if field else name
        flat.extend(_flat(value, inner))
    return flat


def read_body(request: HttpRequest) -> bytes:
    """Return the body of a request, which later readers then get, too.

    Raises:
        TooLarge: it has more bytes than a form of the site may have.
    """
    try:
        return request.body
    except RequestDataTooBig:
        raise TooLarge(_("A request may have 1,000,000 bytes. Send less at once.")) from None


def _speak(request: Request, person: User | None) -> None:
    """Answer in the language that the request asks for; else in that of the account."""
    if "Accept-Language" in request.headers:
        asked = HttpRequest()  # without the cookie of the site, which says something of its pages
        asked.META["HTTP_ACCEPT_LANGUAGE"] = request.headers["Accept-Language"]
        translation.activate(translation.get_language_from_request(asked))
    elif person is not None and person.language:
        translation.activate(person.language)

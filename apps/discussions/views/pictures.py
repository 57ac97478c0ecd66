"""Pictures: uploaded by a script or a form, and sent."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts.models import User
from apps.common.caching import keep_for_ever
from apps.common.errors import BadRequest
from apps.common.files import sent
from apps.common.problems import prefers_json
from apps.discussions import picture_files, selectors
from apps.discussions.limits import MAX_PICTURE_BYTES, MAX_PICTURE_PIXELS
from apps.discussions.models import Picture
from apps.discussions.services.pictures import store_picture

# whatever a browser takes it for, nothing in it is loaded or run
POLICY = "default-src 'none'; sandbox"


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """`POST` with one file, `picture`. A script gets JSON, a form a page with the Markdown to
    copy.
    """
    assert isinstance(request.user, User)
    picture = None
    if request.method == "POST":
        files = request.FILES.getlist("picture")
        if len(files) != 1:
            raise BadRequest(_("Choose one picture, then send it."))
        picture = store_picture(owner=request.user, file=files[0])
    fields = _fields(picture) if picture else {}
    if picture and prefers_json(request):
        response: HttpResponse = JsonResponse(fields, status=201)
    else:
        limits = {"mb": MAX_PICTURE_BYTES >> 20, "megapixels": MAX_PICTURE_PIXELS // 1_000_000}
        response = render(
            request, "discussions/picture.html", {"picture": picture, **fields, **limits}
        )
    patch_vary_headers(response, ["Accept"])
    return response


def _fields(picture: Picture) -> dict[str, object]:
    url = reverse("discussions:picture", args=[picture.sha256, picture.format])
    return {
        "markdown": f"![]({url})",
        "url": url,
        "width": picture.width,
        "height": picture.height,
    }


@require_safe
def picture(request: HttpRequest, sha256: str, extension: str) -> HttpResponseBase:
    """`GET /pictures/<sha256>.<extension>`. Its address says what is in it, so a browser keeps it
    for ever; one that not everybody may see is kept by nobody.
    """
    stored = selectors.picture_for(request.user, sha256, extension)
    etag = f'"{sha256}"'
    response: HttpResponseBase | None = get_conditional_response(request, etag)
    if response is None:
        response = _sent(request, stored)
    response["ETag"] = etag
    if stored.is_published:  # type: ignore[attr-defined]
        keep_for_ever(response)
    response["Content-Security-Policy"] = POLICY
    return response


def _sent(request: HttpRequest, stored: Picture) -> HttpResponseBase:
    response: HttpResponseBase
    if request.method == "HEAD":
        response = HttpResponse()
    else:
        try:
            file = picture_files.open_file(stored)
        except FileNotFoundError:
            raise Http404("Its file is gone.") from None
        response = sent(file)
    response["Content-Type"] = f"image/{stored.format}"
    response["Content-Length"] = str(stored.size_bytes)
    response["Content-Disposition"] = "inline"
    return response

"""Pages of own data: what there is, an archive of it, and one that is read."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.models import User
from apps.archives import downloads, presenters, selectors
from apps.archives.forms import UploadForm
from apps.archives.limits import EXPORT_DAYS, MAX_EXPORTS_A_DAY
from apps.archives.services import exports, imports
from apps.common.fragments import is_fragment


@require_safe
@login_required
def data(request: HttpRequest) -> HttpResponse:
    """The archives of a person. htmx asks for their list while one is being made."""
    assert isinstance(request.user, User)
    archives = selectors.exports_of(request.user)
    context = {
        "archives": archives,
        "is_underway": any(archive.is_underway for archive in archives),
        "days": EXPORT_DAYS,
        "a_day": MAX_EXPORTS_A_DAY,
    }
    name = "archives/_archives.html" if is_fragment(request) else "archives/data.html"
    return render(request, name, context)


@require_POST
@login_required
def make(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    exports.order(owner=request.user)
    messages.success(request, _("Your archive is being made. You can leave this page."))
    return redirect("archives:data")


@require_POST
@login_required
def download(request: HttpRequest, key: str) -> HttpResponseBase:
    assert isinstance(request.user, User)
    return downloads.send(selectors.export_for(request.user, key))


@require_POST
@login_required
def delete(request: HttpRequest, key: str) -> HttpResponse:
    assert isinstance(request.user, User)
    exports.delete(export=selectors.export_for(request.user, key))
    messages.success(request, _("The archive is deleted."))
    return redirect("archives:data")


# ---------------------------------------------------------------- in again


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def import_file(request: HttpRequest) -> HttpResponse:
    """The imports of a person, the dry run of one that waits, and a form for another. htmx asks for
    the list while housekeep is at work.
    """
    assert isinstance(request.user, User)
    form = UploadForm()
    if request.method == "POST":
        form = UploadForm(request.POST, request.FILES)
        if form.is_valid():
            file = form.cleaned_data["file"]
            imports.upload(
                owner=request.user, name=file.name, size_bytes=file.size, chunks=file.chunks()
            )
            return redirect("archives:import")
    uploads = selectors.imports_of(request.user)
    context = {
        "form": form,
        "uploads": [presenters.import_row(upload) for upload in uploads],
        "is_open": any(upload.ended_at is None for upload in uploads),
        "is_at_work": any(upload.is_at_work for upload in uploads),
    }
    name = "archives/_imports.html" if is_fragment(request) else "archives/import.html"
    return render(request, name, context, status=422 if form.errors else 200)


@require_POST
@login_required
def confirm(request: HttpRequest, key: str) -> HttpResponse:
    assert isinstance(request.user, User)
    imports.confirm(upload=selectors.import_for(request.user, key))
    return redirect("archives:import")


@require_POST
@login_required
def discard(request: HttpRequest, key: str) -> HttpResponse:
    assert isinstance(request.user, User)
    imports.discard(upload=selectors.import_for(request.user, key))
    return redirect("archives:import")

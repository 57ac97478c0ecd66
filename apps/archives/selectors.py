"""Reads: whose archives and imports there are."""

from __future__ import annotations

from django.http import Http404

from apps.accounts.models import User
from apps.archives.models import Export, Import
from apps.common.text import clean


def exports_of(owner: User) -> list[Export]:
    """Return a person's archives, the newest first, those that were deleted left out."""
    return list(Export.objects.filter(owner=owner).exclude(state=Export.State.DELETED))


def export_for(owner: User, key: str) -> Export:
    """Return an archive of a person; 404 for anybody else's."""
    export = Export.objects.filter(owner=owner, key=clean(key)).select_related("owner").first()
    if export is None:
        raise Http404("No such archive.")
    return export


def imports_of(owner: User) -> list[Import]:
    """Return a person's imports, the newest first, those that were discarded left out."""
    return list(Import.objects.filter(owner=owner).exclude(state=Import.State.DISCARDED))


def import_for(owner: User, key: str) -> Import:
    """Return an import of a person; 404 for anybody else's."""
    upload = Import.objects.filter(owner=owner, key=clean(key)).select_related("owner").first()
    if upload is None:
        raise Http404("No such import.")
    return upload

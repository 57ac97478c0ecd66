"""Where to report a weakness of this site, as RFC 9116 says it: /.well-known/security.txt."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

VALID = timedelta(days=90)  # the file says until when it may be believed


@require_safe
def security_txt(request: HttpRequest) -> HttpResponse:
    """Answer with the contacts of SECURITY_CONTACT; there is no such file without one."""
    if not settings.SECURITY_CONTACT:
        raise Http404
    lines = [f"Contact: {contact}" for contact in settings.SECURITY_CONTACT]
    lines += [
        f"Expires: {timezone.now() + VALID:%Y-%m-%dT%H:%M:%SZ}",
        "Preferred-Languages: en, zh-Hans",
        f"Canonical: {settings.SITE_URL}{request.path}",
    ]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")

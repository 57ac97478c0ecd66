"""Tags of the pages of threads: `{% thread_post row %}`, `{{ post.created_at|moment }}`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from apps.common.clock import now

register = template.Library()


@register.inclusion_tag("discussions/_post.html", takes_context=True)
def thread_post(context: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """Show a post: `presenters.posts.post_row`."""
    page = {name: context.get(name) for name in ("request", "user", "perms")}
    return {**page, **row}


@register.filter
def moment(at: datetime) -> str:
    """Return when something was, as one says it of yesterday and today; else its date."""
    local, today = localtime(at), localtime(now()).date()
    words = {"time": f"{local:%H:%M}"}
    if local.date() == today:
        return _("today %(time)s") % words
    if local.date() == today - timedelta(days=1):
        return _("yesterday %(time)s") % words
    return f"{local:%Y-%m-%d %H:%M}"

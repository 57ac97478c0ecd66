"""The page on which somebody enters the code that a program shows, sees what asks for what, and
approves or denies it.
"""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts.models import User
from apps.api import device_logins
from apps.api.errors import UnknownUserCode
from apps.api.forms import DecisionForm, DeviceCodeForm
from apps.api.scopes import Scope
from apps.audit import origin


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def device(request: HttpRequest) -> HttpResponse:
    """A code in the address is filled in, and not looked up before somebody sends it: reading a
    page must not count as a guess, and no link leads past the comparison of codes.
    """
    if request.method != "POST":
        typed = request.GET.get("code", "")
        code = device_logins.read_code(typed)
        form = DeviceCodeForm(initial={"code": device_logins.written(code) if code else ""})
        return render(request, "api/device.html", {"form": form})
    form = DeviceCodeForm(request.POST)
    if form.is_valid():
        try:
            login = device_logins.waiting(form.cleaned_data["code"])
        except UnknownUserCode as refused:
            form.add_error("code", refused.message)
        else:
            context = {
                "login": login,
                "code": device_logins.written(login.user_code),
                "scopes": [Scope(scope).label for scope in login.scopes],
                "is_elsewhere": bool(login.network) and login.network != origin.network(),
                "form": DecisionForm(),
            }
            return render(request, "api/device_asks.html", context)
    return render(request, "api/device.html", {"form": form}, status=422)


@require_POST
@login_required
def decide(request: HttpRequest) -> HttpResponse:
    assert isinstance(request.user, User)
    decision = DecisionForm.read(request.POST).cleaned_data
    is_approved = decision["action"] == "approve"
    login = device_logins.decide(
        user=request.user,
        code=decision["code"],
        is_approved=is_approved,
        days=decision["days"],
    )
    context = {"login": login, "is_approved": is_approved}
    return render(request, "api/device_decided.html", context)

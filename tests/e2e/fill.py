"""Fills a site for tests: tables, labs, questions, people, a worker; prints the worker's token.

Run it with the site's settings.
"""

from __future__ import annotations

import json
import os
import sys

import django

from tests.e2e.system import PASSWORD


def main(handles: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gradus.settings")
    django.setup()
    from allauth.account.models import EmailAddress
    from django.core.management import call_command

    from apps.accounts.models import User
    from apps.experiments.services import make_worker

    call_command("migrate", verbosity=0, interactive=False)
    call_command("load_labs")
    call_command("load_questions")
    for handle in handles:
        user = User.objects.create_user(f"{handle}@example.org", handle, PASSWORD)
        EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    print(json.dumps({"token": make_worker(name="local", queues=["labs", "bench"])}))


if __name__ == "__main__":
    main(sys.argv[1:])

"""Write the description of the API to docs/openapi.json."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from apps.api.api import description


class Command(BaseCommand):
    help = "Write the description of the API (OpenAPI 3.1) to docs/openapi.json."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        path = settings.ROOT / "docs" / "openapi.json"
        text = json.dumps(json.loads(description()), indent=1, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")
        self.stdout.write(f"{path} written.")

"""Static files as an image has them: collected once, named by their content."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings


def test_collected_files_are_named_by_their_content_and_used_from_then_on(tmp_path: Path) -> None:
    env = os.environ | {"SECRET_KEY": "x", "STATIC_ROOT": str(tmp_path)}
    run = [sys.executable, "manage.py"]
    subprocess.run(
        [*run, "collectstatic", "--noinput", "-v0"], cwd=settings.ROOT, env=env, check=True
    )
    named = json.loads((tmp_path / "staticfiles.json").read_text())["paths"]["build/app.css"]
    assert named != "build/app.css" and (tmp_path / f"{named}.gz").exists()
    code = "from django.templatetags.static import static; print(static('build/app.css'))"
    ask = [*run, "shell", "-v0", "-c", code]
    shown = subprocess.run(
        ask, cwd=settings.ROOT, env=env, check=True, capture_output=True, text=True
    )
    assert shown.stdout.strip().endswith(f"/static/{named}")

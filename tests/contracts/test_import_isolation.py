"""The workers run without Django and the site without torch: each starts without the other's
libraries.
"""

from __future__ import annotations

import os
import pkgutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from launcher.processes import spawn, stop

from tests.e2e.conftest import database  # noqa: F401 - a fixture
from tests.e2e.system import ROOT, System
from tests.e2e.waiting import until
from tests.worker_command import WORKER_COMMAND
from tests.workers.stub_site import TOKEN, StubSite

SITE_ONLY = (
    "django",
    "rest_framework",
    "psycopg",
    "psycopg_pool",
    "allauth",
    "csp",
    "whitenoise",
    "uvicorn",
    "apps",
    "gradus",
    "launcher",
)
WORKERS_ONLY = ("torch", "numpy", "scipy", "sklearn", "httpx", "threadpoolctl")


@pytest.fixture
def without(tmp_path: Path) -> Callable[..., str]:
    """Return a search path on which importing one of the named packages fails."""

    def without(*names: str) -> str:
        for name in names:
            package = tmp_path / "absent" / name / "__init__.py"
            package.parent.mkdir(parents=True)
            package.write_text(
                f'raise ModuleNotFoundError("No module named {name!r}: it is absent on '
                f'purpose", name={name!r})\n'
            )
        return str(tmp_path / "absent")

    return without


def test_the_blocked_packages_cannot_be_imported(without: Callable[..., str]) -> None:
    absent = without("django", "torch")
    for name in ("django", "torch"):
        done = _python(f"import {name}", [absent, str(ROOT)])
        assert done.returncode and "absent on purpose" in done.stderr


def test_every_module_of_the_workers_imports_without_the_site(without: Callable[..., str]) -> None:
    modules = sorted(m.name for m in pkgutil.walk_packages([str(ROOT / "workers")], "workers."))
    assert {"workers.app", "workers.process", "workers.engine", "workers.labs.dead_relu"} <= set(
        modules
    )
    done = _python(
        f"import importlib\nfor name in {modules}: importlib.import_module(name)",
        [without(*SITE_ONLY), str(ROOT)],
    )
    assert done.returncode == 0, done.stderr


def test_every_module_of_the_site_imports_without_what_only_workers_need(
    without: Callable[..., str],
) -> None:
    apps = sorted(m.name for m in pkgutil.walk_packages([str(ROOT / "apps")], "apps."))
    assert {"apps.experiments.worker_api", "apps.experiments.sse", "apps.accounts.views"} <= set(
        apps
    )
    setup = (
        "import os; os.environ['DJANGO_SETTINGS_MODULE'] "
        "= 'gradus.settings'; import django; django.setup()"
    )
    code = (
        f"{setup}\nimport importlib, gradus.asgi, gradus.urls\nfor name in {apps}: "
        "importlib.import_module(name)"
    )
    done = _python(code, [without(*WORKERS_ONLY), str(ROOT / "platform"), str(ROOT)])
    assert done.returncode == 0, done.stderr


def test_the_site_starts_and_loads_labs_without_torch(
    without: Callable[..., str],
    database: Callable[[str], str],  # noqa: F811
    tmp_path: Path,
) -> None:
    system = System(tmp_path / "site", database("apart"), os.environ["REDIS_URL"])
    system.environment["PYTHONPATH"] = os.pathsep.join(
        [without(*WORKERS_ONLY), system.environment["PYTHONPATH"]]
    )
    try:
        system.make_ready()
        system.start("web", "housekeep").wait_for_web()
        assert system.status("/labs/dead-relu") == 200
    finally:
        system.stop()


@pytest.fixture
def idle_site() -> Iterator[StubSite]:
    """A site without queued runs."""
    site = StubSite()
    yield site
    site.close()


def test_a_worker_starts_gets_warm_and_asks_for_work_without_django(
    without: Callable[..., str], idle_site: StubSite, tmp_path: Path
) -> None:
    environment = {
        **{
            name: value
            for name, value in os.environ.items()
            if name not in ("SECRET_KEY", "DATABASE_URL")
        },
        "PYTHONPATH": os.pathsep.join([without(*SITE_ONLY), str(ROOT)]),
        "GRADUS_URL": idle_site.url,
        "GRADUS_TOKEN": TOKEN,
        "GRADUS_DATA": str(tmp_path / "data"),
    }
    log = tmp_path / "worker.log"
    with log.open("wb") as output:
        worker = spawn(WORKER_COMMAND, environment=environment, output=output, cwd=tmp_path)
    try:
        until(
            lambda: idle_site.lease_requests or worker.poll() is not None,
            240,
            lambda: f"it asks for work\n{log.read_text()}",
        )
        assert worker.poll() is None, log.read_text()
    finally:
        stop(worker, seconds=60)


def _python(code: str, path: list[str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path), "SECRET_KEY": "only for tests"}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )

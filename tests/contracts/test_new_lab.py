"""`new_lab` writes a lab that passes every contract of labs as it is, and its own tests."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.experiments.loading import load_labs
from apps.experiments.models import Lab
from tests.contracts import test_labs as contracts
from tests.contracts.catalogue import catalogue  # noqa: F401 - a fixture
from workers import labs
from workers.engine import RULES


@pytest.fixture
def root(tmp_path: Path, settings: Any) -> Path:
    settings.ROOT = tmp_path / "checkout"
    settings.LABS_FOLDER = settings.ROOT / "workers/labs"
    return Path(settings.ROOT)


def new_lab(root: Path, *arguments: str) -> list[str]:
    """Write a lab; return the files that were written."""
    call_command("new_lab", *arguments)
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@pytest.fixture
def imported(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Import a lab from `root` in place of those of the project."""
    before = dict(RULES)

    def load(slug: str) -> ModuleType:
        name = f"workers.labs.{slug.replace('-', '_')}"
        if name not in sys.modules:
            path = root / f"{name.replace('.', '/')}.py"
            spec = importlib.util.spec_from_file_location(name, path)
            assert spec and spec.loader
            module = importlib.util.module_from_spec(spec)
            monkeypatch.setitem(sys.modules, name, module)
            monkeypatch.setattr(labs, name.rpartition(".")[2], module, raising=False)
            spec.loader.exec_module(module)
        return sys.modules[name]

    monkeypatch.setattr(labs, "load", load)
    monkeypatch.setattr(contracts, "FOLDER", root / "workers/labs")
    yield load
    for claim in set(RULES) - set(before):
        del RULES[claim]


def keep_every_contract(slug: str, request: pytest.FixtureRequest) -> int:
    """Call every test of a lab's contracts with this lab; return how many there were."""
    runs: dict[str, Any] = {}
    fixtures = {
        "quick": lambda slug: runs.get(slug) or runs.setdefault(slug, contracts.Quick(slug)),
        "caplog": request.getfixturevalue("caplog"),
    }
    count = 0
    for name, test in inspect.getmembers(contracts, inspect.isfunction):
        wanted = list(inspect.signature(test).parameters)
        if not name.startswith("test_") or "slug" not in wanted:
            continue
        claims = contracts.words(slug)["claims"] if "claim" in wanted else [""]
        for claim in claims:
            given = {"slug": slug, "claim": claim, **fixtures}
            test(**{parameter: given[parameter] for parameter in wanted})
            count += 1
    return count


def keep_its_own_tests(root: Path, module: str) -> None:
    path = root / f"tests/workers/labs/test_{module}.py"
    spec = importlib.util.spec_from_file_location(f"own_tests_of_{module}", path)
    assert spec and spec.loader
    tests = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tests)
    for name, test in inspect.getmembers(tests, inspect.isfunction):
        if name.startswith("test_"):
            for claim in tests.RULES_OF_THE_LAB if inspect.signature(test).parameters else [None]:
                test(*([claim] if claim else []))


@pytest.mark.parametrize("kind", ["training", "benchmark", "analytic"])
def test_a_new_lab_keeps_every_contract(
    root: Path, imported: Any, kind: str, request: pytest.FixtureRequest
) -> None:
    written = new_lab(root, "my-lab", "--topic=losses", f"--kind={kind}")
    assert written == [
        "docs/claims/my-lab.md",
        "tests/workers/labs/test_my_lab.py",
        "workers/labs/my_lab.py",
        "workers/labs/my_lab.toml",
    ]
    assert keep_every_contract("my-lab", request) > 15
    keep_its_own_tests(root, "my_lab")
    lab = labs.load("my-lab")
    (claim,) = contracts.words("my-lab")["claims"]
    assert RULES[claim].__module__ == lab.__name__


def test_a_lab_of_the_catalogue_has_its_claims_and_settings(
    root: Path,
    catalogue: Path,  # noqa: F811
    imported: Any,
    request: pytest.FixtureRequest,
) -> None:
    new_lab(root, "some-training", f"--catalogue={catalogue}")
    keep_every_contract("some-training", request)
    keep_its_own_tests(root, "some_training")
    words = contracts.words("some-training")
    assert (words["topic"], words["kind"], words["queue"]) == ("regularization", "training", "labs")
    assert words["title"] == {"en": "Training: a study", "zh": "训练研究"}
    assert words["shows"]["en"] == 'Trains networks | with "dropout" and a \\backslash.'
    assert words["profile"]["standard"]["seconds"] == 90
    assert list(words["claims"]) == ["some-training.run", "some-training.other"]
    assert words["predict"]["claim"] == "some-training.run"
    settings = {
        name: (setting["default"], setting.get("range", setting.get("choices")))
        for name, setting in words["config"].items()
    }
    methods = ["none", "l2", "decay", "l1_subgradient", "l1_proximal", "group_l1"]
    methods += ["prune", "dropout", "early"]
    assert settings == {
        "epochs": (8, [2, 60]),
        "lambda_": (1.0, [0, 1]),
        "p": ([0.0, 0.5], [0.0, 0.5]),
        "norm": (False, [True, False]),
        "method": (methods, methods),
        "which": (["a", "b"], ["a", "b"]),
        "groups": (2, [2, 2]),
        "init": ("he", ["he", "xavier"]),
    }
    code = (root / "workers/labs/some_training.py").read_text(encoding="utf-8")
    assert "def rule_run(points" in code and "# The catalogue: holds if |gain| > 0.01" in code
    assert all(len(line) <= 100 for line in code.splitlines())
    page = (root / "docs/claims/some-training.md").read_text(encoding="utf-8")
    toml = (root / "workers/labs/some_training.toml").read_text(encoding="utf-8")
    assert "# Where the catalogue read it: 003 §1.3\n" in toml
    assert "| `run` | holds if \\|gain\\| > 0.01 or a\\|b; otherwise does not hold. | - | " in page


@pytest.mark.django_db
def test_a_new_lab_is_loaded_and_its_page_opens(root: Path, client: Any) -> None:
    new_lab(root, "my-lab", "--topic=losses")
    assert len(load_labs(root / "workers/labs")) == 1
    assert Lab.objects.offered().get().slug == "my-lab"
    for path in ("/labs/my-lab", "/labs", "/claims", "/"):
        assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["My-Lab", "--topic=losses"], "'My-Lab' is no slug of a lab: lower-case letters"),
        (["my--lab", "--topic=losses"], "is no slug"),
        (["3d-conv", "--topic=losses"], "beginning with a letter"),
        (["lambda", "--topic=losses"], "no word of Python"),
        (["x" * 65, "--topic=losses"], "at most 64 characters"),
        (["my-lab"], "my-lab needs a topic. --topic is one of: activation-functions, "),
        (["my-lab", "--topic=loses"], "no topic 'loses'. Did you mean losses"),
        (["some-trainning", "--catalogue={}"], "no 'some-trainning'. Did you mean some-training?"),
        (["my-lab", "--catalogue={}/nowhere"], "nowhere is no folder. --catalogue names the one"),
        (["dead-relu", "--catalogue={}"], "dead-relu has no 'kind' in the catalogue"),
        (["some-training", "--kind=analytic", "--catalogue={}"], "is of the kind training"),
    ],
)
def test_what_cannot_be_written_is_refused_and_nothing_is_written(
    root: Path,
    catalogue: Path,  # noqa: F811
    arguments: list[str],
    message: str,
) -> None:
    with pytest.raises(CommandError) as refused:
        new_lab(root, *(argument.format(catalogue) for argument in arguments))
    assert message in str(refused.value)
    assert not root.exists()


def test_a_lab_that_is_there_is_not_touched(root: Path) -> None:
    before = new_lab(root, "my-lab", "--topic=losses")
    words = root / "workers/labs/my_lab.toml"
    words.write_text("mine")
    (root / "workers/labs/my_lab.py").unlink()
    with pytest.raises(CommandError, match=r"my_lab\.py is there already; nothing was written"):
        new_lab(root, "my-lab", "--topic=losses")
    assert words.read_text() == "mine"
    assert not (root / "workers/labs/my_lab.py").exists() and len(before) == 4


def test_a_catalogue_that_is_no_list_of_entries_is_named(
    root: Path,
    catalogue: Path,  # noqa: F811
) -> None:
    for text, message in (
        ("a: [", "labs.yaml is no YAML"),
        ("- 1\n", "labs.yaml is no list of entries, each with a slug"),
    ):
        (catalogue / "labs.yaml").write_text(text)
        with pytest.raises(CommandError, match=message):
            new_lab(root, "my-lab", f"--catalogue={catalogue}")
    (catalogue / "labs.yaml").unlink()
    with pytest.raises(CommandError, match=r"labs\.yaml cannot be read"):
        new_lab(root, "my-lab", f"--catalogue={catalogue}")


def test_words_say_todo_where_they_are_missing(root: Path) -> None:
    new_lab(root, "my-lab", "--topic=losses")
    words = tomllib.loads((root / "workers/labs/my_lab.toml").read_text(encoding="utf-8"))
    for path, both in contracts.translated({"question": words["question"], "c": words["claims"]}):
        assert "TODO" in both["en"] and "TODO" in both["zh"], path

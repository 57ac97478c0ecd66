"""`new_question` writes a question that loads as it is, with every heading in both languages."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.questions import lint, loading
from apps.questions.loading import load_questions
from apps.questions.markdown_parser import HEADINGS, SUBHEADINGS
from apps.questions.models import Question
from tests.contracts.catalogue import catalogue  # noqa: F401 - a fixture

LABS_FOLDER = Path("workers/labs").resolve()


@pytest.fixture
def bank(tmp_path: Path, settings: Any) -> Path:
    settings.ROOT, settings.BANK_FOLDER = tmp_path, tmp_path / "bank"
    settings.BANK_FOLDER.mkdir()
    (settings.BANK_FOLDER / "bank.toml").write_text(
        'slug = "b"\ntitle = { en = "Bank", zh = "题库" }\n', encoding="utf-8"
    )
    return Path(settings.BANK_FOLDER)


def test_it_has_every_heading_in_both_languages_and_no_fault(bank: Path) -> None:
    call_command("new_question", "my-question", "--topic=losses")
    folder = bank / "losses/my-question"
    assert {path.name for path in folder.iterdir()} == {
        "question.toml",
        "en.md",
        "zh.md",
        "checks.py",
    }
    for n, language in enumerate(("en", "zh")):
        lines = (folder / f"{language}.md").read_text(encoding="utf-8").splitlines()
        assert {f"## {names[n]}" for names in HEADINGS.values()} <= set(lines)
        assert all(
            any(line.startswith(f"### {names[n]}") for line in lines)
            for names, _parts in SUBHEADINGS.values()
        )
    assert list(lint.faults(bank, LABS_FOLDER)) == []
    for name, test in runpy.run_path(str(folder / "checks.py")).items():
        if name.startswith("test_"):
            test()


def test_every_text_is_named_as_unfinished(bank: Path) -> None:
    call_command("new_question", "my-question", "--topic=losses")
    (todo,) = (line for line in lint.unfinished(bank) if "TODO" in line)
    assert todo.startswith("my-question: ") and todo.endswith("the first is en.md:1")
    folder = loading.read_folder(bank / "losses/my-question")
    for document in (folder.english, folder.chinese):
        for passage in document.passages:
            assert "TODO" in passage.text, passage
            assert not passage.detail or "TODO" in passage.detail


@pytest.mark.django_db
def test_it_loads_and_its_page_opens(bank: Path, client: Any) -> None:
    call_command("new_question", "my-question", "--topic=losses")
    load_questions(bank)
    assert Question.objects.offered().get().slug == "my-question"
    for language in ("en", "zh-CN"):
        page = client.get(
            "/questions/my-question?reveal=1", headers={"accept-language": language}
        ).content.decode()
        assert "TODO" in page and "{{" not in page


def test_the_project_s_own_list_knows_topic_and_titles(bank: Path) -> None:
    call_command("new_question", "why-nonlinearity")
    question = loading.read_folder(bank / "activation-functions/why-nonlinearity")
    assert question.english.passages[0].text.startswith("Why does a neural network need")
    assert question.chinese.passages[0].text.startswith("神经网络为什么")


def test_the_catalogue_gives_facts_and_remarks(
    bank: Path,
    catalogue: Path,  # noqa: F811
) -> None:
    call_command("new_question", "why-nonlinearity", f"--catalogue={catalogue}")
    folder = loading.read_folder(bank / "activation-functions/why-nonlinearity")
    facts = folder.facts
    assert facts.difficulty == 3 and facts.labs == ["some-training", "dead-relu"]
    assert facts.kinds == ["concept", "derivation", "numeric", "choice", "code"]
    assert facts.claims == ["some-training.run", "dead-relu.lr-kills"]
    assert '002 (L82-84); 003 §1.3 "note"' in facts.sources[0].text
    assert [part["kind"] for part in folder.outline["parts"]] == ["numeric", "choice", "derivation"]
    assert folder.files["reference"]
    source = (folder.path / "question.toml").read_text(encoding="utf-8")
    assert "# - A stack of affine layers is one: $W_2(W_1x+b_1)+b_2$." in source
    assert "# - dead-relu.not-built" in source and "# - 003 is wrong." in source
    checks = (folder.path / "checks.py").read_text(encoding="utf-8")
    assert "# - $\\max\\sigma'=0.25$." in checks
    assert list(lint.faults(bank, LABS_FOLDER)) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["My question", "--topic=losses"], "'My question' is no slug: lower-case letters"),
        (["q" * 65, "--topic=losses"], "at most 64 characters"),
        (["my-question"], "my-question needs a topic. --topic is one of: activation-functions"),
        (["my-question", "--topic=metric"], "no topic 'metric'. Did you mean metrics"),
        (["why-nonlinear", "--catalogue={}"], "Did you mean why-nonlinearity"),
        (["why-nonlinearity", "--catalogue={}/x"], "x is no folder"),
        (
            ["relu-is-nonlinear", "--catalogue={}"],
            "relu-is-nonlinear has no 'kind' in",
        ),
        (["there", "--topic=metrics"], "There is a question there already: "),
    ],
)
def test_what_cannot_be_written_is_refused_and_nothing_is_written(
    bank: Path,
    catalogue: Path,  # noqa: F811
    arguments: list[str],
    message: str,
) -> None:
    (bank / "losses/there").mkdir(parents=True)
    before = sorted(bank.rglob("*"))
    with pytest.raises(CommandError) as refused:
        call_command("new_question", *(argument.format(catalogue) for argument in arguments))
    assert message in str(refused.value)
    assert sorted(bank.rglob("*")) == before

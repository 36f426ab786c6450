"""What the README shows is run: its Python blocks, and every torchal command, on a cut-down experiment."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from small_runs import program, started

from torchal.experiment import ExperimentSpec

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

SMALLER = (
    "strategy=[random,margin]",
    "partition={drawn: [1, 2], labelled: 20, validation: 40}",
    "seed=1",
    "setting.cycles=2",
    "recipe.epochs=2",
    "tuning.trials=2",
)
TAKES_SET = {"plan", "run", "verify", "export"}


def blocks(language: str):
    for document in DOCUMENTS:
        for number, block in enumerate(re.findall(rf"```{language}\n(.*?)```", document.read_text(), re.DOTALL)):
            yield pytest.param(block, id=f"{document.name}-{number}")


@pytest.mark.parametrize("block", list(blocks("python")))
def test_a_python_block_runs(block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README", "exec"), {"__name__": "snippet"})  # noqa: S102 - our own documents


@pytest.mark.parametrize("block", list(blocks("yaml")))
def test_a_yaml_block_is_a_valid_experiment(block, tmp_path):
    document = yaml.safe_load(block)
    document["dataset"] = document["dataset"]["name"] if isinstance(document["dataset"], dict) else document["dataset"]
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(document))
    assert ExperimentSpec.read(tmp_path / "x.yaml").runs()


def commands() -> list[str]:
    text = "\n".join(re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL))
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("make ")]


def test_the_readmes_commands_work_in_their_order(tmp_path):
    (tmp_path / "experiments").symlink_to(ROOT / "experiments")
    (tmp_path / "results").mkdir()
    assert len(commands()) >= 8
    for command in commands():
        name, *words = shlex.split(command)
        if name == "torchal":
            smaller = [part for each in SMALLER for part in ("--set", each)] if words[0] in TAKES_SET else []
            process = started(program, [*words, *smaller], tmp_path, tmp_path / "said")
            process.join(120)
            assert process.exitcode == 0, f"{command}\n{(tmp_path / 'said').read_text()}"
        else:
            assert name == "python"
            subprocess.run([sys.executable, *words], cwd=tmp_path, check=True)


def test_links_to_files_lead_somewhere():
    for document in [*DOCUMENTS, ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_every_room_that_the_architecture_names_exists():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    table = text[text.index("| room |") : text.index("Imports go downwards")]
    named = re.findall(r"`([a-z_/]+(?:\.py|/))`", table)
    assert len(named) > 20
    for name in named:
        assert (ROOT / "src" / "torchal" / name).exists(), name
    here = {path.name for path in (ROOT / "src" / "torchal").iterdir() if not path.name.startswith("_")}
    assert here - {"py.typed"} == {name.rstrip("/") for name in named if "/" not in name.rstrip("/")}

"""What is published is whole, small, says the same everywhere, and rests on what is said of it."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PathDistribution
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version
from page_scripts import script
from typer.testing import CliRunner

import torchal
from torchal.cli import app
from torchal.experiment import ExperimentSpec

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


audit, contents, dependencies = script("audit"), script("wheel_contents"), script("dependencies_page")


# --- the wheel --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    words = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_is_small_has_every_file_of_the_source_its_licence_and_nothing_else(wheel):
    assert contents.faults(wheel) == []
    assert wheel.name == f"torchal-{torchal.__version__}-py3-none-any.whl"


@pytest.mark.parametrize("change", ["without the licence", "without a template", "with tests", "grown"])
def test_a_wheel_that_lacks_something_or_has_too_much_is_refused(wheel, tmp_path, change):
    with ZipFile(wheel) as whole, ZipFile(tmp_path / wheel.name, "w", ZIP_DEFLATED) as changed:
        for name in whole.namelist():
            gone = {"without the licence": "LICENSE", "without a template": "page.html.jinja"}.get(change, "/nothing")
            if not name.endswith(gone):
                changed.writestr(name, whole.read(name))
        if change == "with tests":
            changed.writestr("tests/unit/test_store.py", "")
        if change == "grown":
            changed.writestr("torchal/weights.safetensors", bytes(contents.MOST), ZIP_STORED)
    assert len(contents.faults(tmp_path / wheel.name)) == 1


def test_the_wheel_alone_writes_the_quickstart(wheel, tmp_path):
    words = [sys.executable, "-m", "torchal", "new", "experiment", "mine", "--to", str(tmp_path)]
    subprocess.run(words, env={"PYTHONPATH": str(wheel)}, cwd=tmp_path, check=True, capture_output=True)
    assert ExperimentSpec.read(tmp_path / "mine.yaml").name == "mine"


def test_the_quickstart_of_the_repository_is_what_torchal_writes(tmp_path):
    assert CliRunner().invoke(app, ["new", "experiment", "quickstart", "--to", str(tmp_path)]).exit_code == 0
    assert (tmp_path / "quickstart.yaml").read_text() == (ROOT / "experiments" / "quickstart.yaml").read_text()


def test_a_new_experiment_overwrites_nothing_and_an_unknown_kind_is_refused(tmp_path):
    (tmp_path / "mine.yaml").write_text("name: mine")
    for words, said in ((["experiment", "mine"], "exists already"), (["model", "mine"], "neither")):
        with pytest.raises(ValueError, match=said):
            CliRunner().invoke(app, ["new", *words, "--to", str(tmp_path)], catch_exceptions=False)
    assert (tmp_path / "mine.yaml").read_text() == "name: mine"


# --- the version ------------------------------------------------------------------------------------------------------


def test_the_version_is_a_version_and_stands_once():
    assert str(Version(torchal.__version__)) == torchal.__version__
    assert "version" in PROJECT["project"]["dynamic"]
    found = [path for path in (ROOT / "src").rglob("*.py") if f'"{torchal.__version__}"' in path.read_text()]
    assert found == [ROOT / "src" / "torchal" / "__init__.py"]


def test_citation_and_changelog_name_the_version_and_one_date():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == torchal.__version__
    assert citation["license"] == PROJECT["project"]["license"]
    heading = rf"^## {re.escape(torchal.__version__)} - (.+)$"
    section = re.search(heading, (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert section, f"CHANGELOG.md has no line '## {torchal.__version__} - YYYY-MM-DD'"
    assert str(citation["date-released"]) == section[1]


def test_every_python_that_is_named_is_one_that_may_be_installed():
    named = [each.rpartition(" :: ")[2] for each in PROJECT["project"]["classifiers"] if "Python :: 3." in each]
    assert named
    assert all(Requirement(f"x{PROJECT['project']['requires-python']}").specifier.contains(each) for each in named)


# --- what it rests on -------------------------------------------------------------------------------------------------


def test_every_named_package_is_pinned_within_its_range():
    assert audit.outside(audit.direct(PROJECT), audit.pins((ROOT / "constraints.txt").read_text())) == []


def test_a_pin_that_is_absent_or_out_of_range_is_told():
    wanted, pinned = [Requirement("a>=2"), Requirement("B_c<3"), Requirement("d")], {"a": "1.9", "b-c": "2"}
    assert [each.partition(":")[0] for each in audit.outside(wanted, pinned)] == ["a", "d"]


@pytest.mark.parametrize(
    ("said", "fine"),
    [
        (["MIT"], True),
        (["MIT License", "Apache Software License"], True),
        (["GPL-3.0-only"], False),
        (["MIT OR GPL-3.0-only"], True),
        (["MIT AND GPL-3.0-only"], False),
        (["(MIT OR GPL-3.0-only) AND MIT"], False),
        (["Apache-2.0 AND Apache-2.0 WITH LLVM-exception"], True),
        (["BSD License", "GNU General Public License (GPL)"], False),
        (["none"], False),
    ],
)
def test_licences_that_are_not_allowed_are_told_from_those_that_are(said, fine):
    assert audit.allowed(said) is fine


def distributed(folder: Path, name: str, *lines: str) -> None:
    info = folder / f"{name}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("\n".join([f"Metadata-Version: 2.4\nName: {name}\nVersion: 1", *lines, ""]))


def test_what_is_needed_on_any_platform_for_any_extra_is_and_the_rest_is_not(tmp_path, monkeypatch):
    distributed(tmp_path, "top", "Requires-Dist: below[more]", "Requires-Dist: windows; sys_platform == 'win32'")
    distributed(tmp_path, "below", "Requires-Dist: extra; extra == 'more'", "Requires-Dist: other; extra == 'less'")
    distributed(tmp_path, "extra", "Requires-Dist: old; python_version < '3.9'", "Requires-Dist: top")

    def find(name: str):
        if not (tmp_path / f"{name}-1.dist-info").is_dir():
            raise audit.PackageNotFoundError(name)
        return PathDistribution(tmp_path / f"{name}-1.dist-info")

    monkeypatch.setattr(audit, "distribution", find)
    assert audit.needed([Requirement("top")]) == ({"top", "below", "extra", "windows"}, {"windows"})


def test_a_database_that_does_not_answer_is_not_taken_for_one_that_knows_of_nothing():
    fault = {"id": "CVE-1", "fix_versions": ["2"]}
    packages = [
        {"name": "a", "version": "1", "vulns": []},
        {"name": "b", "version": "1", "vulns": [fault]},
        {"name": "c", "skip_reason": "not found"},
    ]
    assert audit.answered(packages) == (["b 1: CVE-1, mended in 2"], ["c"])


def test_the_page_of_dependencies_has_each_once_with_a_reason_and_is_what_the_script_writes():
    names = {dependencies.canonicalize_name(each.name) for each in audit.direct(PROJECT)}
    assert set(dependencies.WHY) == names, "each package of pyproject.toml needs a reason in the script"
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z0-9-]+) \|", page, re.MULTILINE)
    assert sorted(rows) == sorted({"package", *names})
    assert page == dependencies.page(), "run python scripts/dependencies_page.py"

"""Look into a wheel before it is published: ``python scripts/wheel_contents.py WHEEL``."""

import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

from packaging.metadata import Metadata

ROOT = Path(__file__).parents[1]
MOST = 1_000_000
"""Bytes that a wheel may have."""
NEEDED = (
    "torchal/py.typed",
    "torchal/report/reference.yaml",
    "torchal/report/templates/page.html.jinja",
    "torchal/cli/__init__.py",
    "{info}/licenses/LICENSE",
    "{info}/entry_points.txt",
)


def faults(wheel: Path) -> list[str]:
    """Return what is wrong with a wheel, in words."""
    with ZipFile(wheel) as file:
        names = file.namelist()
        info = next(name.partition("/")[0] for name in names if ".dist-info/" in name)
        written = file.read(f"{info}/METADATA")
    found = [f"it has {wheel.stat().st_size:,} bytes; {MOST:,} are allowed"] * (wheel.stat().st_size > MOST)
    found += [f"{name} is missing" for name in _needed(info) if name not in names]
    found += [f"{name} does not belong into it" for name in names if name.partition("/")[0] not in {"torchal", info}]
    return found + _metadata(written)


def _needed(info: str) -> set[str]:
    """Return what a wheel must hold: what is named above, and every file of the source."""
    source = (path for path in (ROOT / "src").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {name.format(info=info) for name in NEEDED} | {str(path.relative_to(ROOT / "src")) for path in source}


def _metadata(written: bytes) -> list[str]:
    """Compare the metadata with pyproject.toml; whatever the standard forbids raises an error that says so."""
    read, project = Metadata.from_email(written), tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pairs = {
        "summary": (read.summary, project["description"]),
        "licence": (read.license_expression, project["license"]),
        "Python": (str(read.requires_python), project["requires-python"]),
        "optional parts": (sorted(read.provides_extra or ()), sorted(project["optional-dependencies"])),
        "classifiers": (sorted(read.classifiers or ()), sorted(project["classifiers"])),
        "description": (read.description, (ROOT / project["readme"]).read_text(encoding="utf-8")),
    }
    return [f"{name}: {there!r} is not {meant!r}" for name, (there, meant) in pairs.items() if there != meant]


if __name__ == "__main__":
    wrong = faults(Path(sys.argv[1]))
    print(
        "\n".join(wrong) or f"{sys.argv[1]}: {Path(sys.argv[1]).stat().st_size:,} bytes, all in it that belongs there"
    )
    sys.exit(1 if wrong else 0)

"""Write docs/dependencies.md from pyproject.toml and constraints.txt: ``python scripts/dependencies_page.py``."""

import tomllib
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "dependencies.md"
WHY = {
    "torch": "networks, their training, and every kernel",
    "numpy": "arrays that people give and get; the arithmetic of reports, which do without torch",
    "pydantic": "YAML and records are checked against types, with the field's name in every refusal",
    "pyyaml": "experiments are YAML, read by its safe loader",
    "jaxtyping": "shapes of tensors in signatures, checked when tests run",
    "safetensors": "weights and checkpoints on disk, which cannot hold code",
    "filelock": "tells drafts of a living process from rubbish, on every system",
    "optuna": "samplers and pruners of the search for recipes",
    "cmaes": "Optuna's CMA-ES sampler",
    "scikit-learn": "its digits are the data set that needs no network",
    "datasets": "image data sets from the hub, and parquet files",
    "pillow": "decodes images",
    "typer": "the command line and its help",
    "rich": "tables and bars in the terminal",
    "scipy": "tests and intervals, and Friedman's ranks",
    "pandas": "tables that reports are made of",
    "pyarrow": "parquet, read and written",
    "altair": "figures of reports as Vega-Lite",
    "vl-convert-python": "draws them as SVG, PNG and PDF without a browser, and brings the scripts of offline pages",
    "jinja2": "pages of reports, with escaping",
    "packaging": "reads what an installed torchal asks for (torchal doctor)",
    "ray": "`--on ray`",
    "submitit": "`--on slurm`",
    "transformers": "vision backbones of the model `pretrained`",
    "huggingface-hub": "fetches their weights",
    "nvidia-ml-py": "the energy that NVIDIA's devices used",
    "sphinx": "builds the documentation",
    "furo": "how its pages look",
    "myst-parser": "reads pages that are Markdown",
    "sphinx-design": "cards and buttons of its first page",
    "nbformat": "writes tutorials as notebooks",
    "nbclient": "executes them",
    "ipykernel": "in a process of their own",
    "tensorboard": "`torchal export records --to tensorboard`",
    "mlflow-skinny": "`torchal export records --to mlflow`",
    "sqlalchemy": "MLflow's store on this machine",
    "alembic": "likewise",
    "wandb": "`torchal export records --to wandb`",
    "hatchling": "builds the packages; a test builds the wheel",
    "pytest": "runs the tests",
    "pytest-timeout": "ends a test that hangs",
    "pytest-xdist": "runs tests side by side",
    "hypothesis": "draws examples for tests of properties",
    "beartype": "checks types and shapes when tests run",
    "scikit-activeml": "tests compare choices with it",
    "modal-python": "likewise",
    "small-text": "likewise",
    "selenium": "tests open pages in a browser",
    "ruff": "lints and formats",
    "mypy": "checks types",
    "import-linter": "holds rooms to importing downwards only",
    "pre-commit": "runs ruff before a commit, for whoever wants that",
    "pandas-stubs": "types of pandas, for mypy",
    "scipy-stubs": "types of SciPy, for mypy",
    "types-pyyaml": "types of PyYAML, for mypy",
    "build": "builds both packages as publishing them does",
    "twine": "checks their metadata as a registry does",
    "pip-audit": "asks a public database for known vulnerabilities",
}

HEAD = """# Dependencies

Written by `scripts/dependencies_page.py`: what each package is for, the oldest version that is accepted, and the one in
`constraints.txt`, with which tests are run. `scripts/audit.py` compares these, looks for pins that nothing needs, and
holds the licences of all pinned packages, those that others bring along too, against a list of permissive ones (and
MPL-2.0, which asks for nothing while its files are not changed). On Linux `pip install torch` brings NVIDIA's libraries
along, under NVIDIA's own licence.

"""


def page() -> str:
    """Return the page."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    parts = [("", project["project"]["dependencies"])]
    parts += [(f"torchal[{name}]", lines) for name, lines in project["project"]["optional-dependencies"].items()]
    parts += [("to build", project["build-system"]["requires"])]
    versions = tested()
    cells = ((name, oldest, versions[name], ", ".join(at), WHY[name]) for name, oldest, at in _once(parts))
    rows = [f"| {' | '.join(row)} |" for row in cells]
    return HEAD + "\n".join(["| package | at least | tested | for | why |", "|---|---|---|---|---|", *rows]) + "\n"


def tested() -> dict[str, str]:
    """Return the pinned version of each package."""
    lines = [line.partition("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line]
    return {canonicalize_name(name): version for name, _, version in lines}


def _once(parts: list[tuple[str, list[Any]]]) -> list[tuple[str, str, list[str]]]:
    """Return each package once, with its oldest version and the parts that it belongs to."""
    found: dict[str, tuple[str, list[str]]] = {}
    for part, lines in parts:
        for requirement in map(Requirement, lines):
            oldest, at = found.setdefault(canonicalize_name(requirement.name), ("any", []))
            bounds = [each.version for each in requirement.specifier if each.operator == ">="]
            at.append(part or "torchal")
            found[canonicalize_name(requirement.name)] = (bounds[0] if bounds else oldest, at)
    return [(name, oldest, at) for name, (oldest, at) in found.items()]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

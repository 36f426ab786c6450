"""Which packages are there, in which version: those that torchal needs, and those that its optional parts need.

All is read from the metadata of the installed package, so it is what ``pip install`` went by.
"""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement

from torchal.doctor.finding import Finding, fail, ok, warn

PURPOSES = {
    "ray": "torchal run --on ray, which computes on a Ray cluster",
    "slurm": "torchal run --on slurm, which computes on a Slurm cluster",
    "pretrained": "the model pretrained: vision backbones from a folder or the hub",
    "energy": "joules of NVIDIA devices in what a result cost",
    "tensorboard": "following runs in TensorBoard",
    "mlflow": "following runs in MLflow",
    "wandb": "following runs in Weights & Biases",
    "docs": "building the documentation",
    "notebooks": "executing the tutorials anew",
    "dev": "changing torchal itself: its tests and checks",
    "release": "building torchal's packages and checking them",
}
"""What optional parts are for. One that is not listed is named without it."""

_NOT_INSTALLED = "torchal is run from its source and was never installed, so what it needs is not known"


def looks() -> list[Finding]:
    """Look at the packages that are needed, and at each optional part."""
    try:
        wanted = [Requirement(line) for line in requires("torchal") or ()]
        parts = metadata("torchal").get_all("Provides-Extra") or []
    except PackageNotFoundError:
        return [warn("packages", _NOT_INSTALLED, "pip install --editable . in the folder of the source")]
    return [needed(wanted), *(optional(part, wanted) for part in parts)]


def needed(wanted: list[Requirement]) -> Finding:
    """Look at the packages that torchal always needs."""
    all_needed = [each for each in wanted if _applies(each, "")]
    faults = _faults(all_needed)
    if faults:
        return fail("packages", "; ".join(faults.values()), f"pip install {_quoted(faults)}")
    return ok("packages", f"all {len(all_needed)} that are needed are there")


def optional(part: str, wanted: list[Requirement]) -> Finding:
    """Look at the packages of an optional part."""
    own = [each for each in wanted if _applies(each, part) and not _applies(each, "")]
    faults = _faults(own)
    purpose = f", for {PURPOSES[part]}" if part in PURPOSES else ""
    remedy = f"pip install 'torchal[{part}]'"
    if not faults:
        return ok(f"torchal[{part}]", f"there{purpose}")
    if any(_version(each.name) is None for each in own):
        return ok(f"torchal[{part}]", f"not there{purpose}", f"{remedy}, if you want it")
    return warn(f"torchal[{part}]", "; ".join(faults.values()), remedy)


def _applies(requirement: Requirement, part: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": part})


def _faults(wanted: Iterable[Requirement]) -> dict[str, str]:
    """Return what is absent or of another version, as pip is asked for it and in words."""
    faults = {}
    for each in wanted:
        there = _version(each.name)
        if there is None:
            faults[f"{each.name}{each.specifier}"] = f"{each.name} is absent"
        elif not each.specifier.contains(there, prereleases=True):
            faults[f"{each.name}{each.specifier}"] = f"{each.name} is {there}, and {each.specifier} is needed"
    return faults


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _quoted(names: Iterable[str]) -> str:
    return " ".join(f"'{name}'" for name in names)

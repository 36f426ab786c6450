"""Look at what torchal rests on: ``python scripts/audit.py``, with ``--online`` for known vulnerabilities too.

Every package that pyproject.toml names has a pin in constraints.txt within its range; every pin is needed by something
on some platform and some Python; licences are among those allowed here; and ``pip check`` agrees. Licences and needs
are read from installed packages, so run it on the oldest Python, with all optional parts of torchal.
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from itertools import product
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CNRI-Python",
    "ISC",
    "MIT",
    "MIT-0",
    "MIT-CMU",
    "MPL-2.0",
    "PSF-2.0",
    "Zlib",
}
"""Identifiers of SPDX: permissive ones, and MPL-2.0, which asks for nothing while its files are not changed."""
WORDS = {
    "3-Clause BSD License",
    "Apache 2.0",
    "Apache 2.0 License",
    "Apache License 2.0",
    "Apache Software License",
    "BSD",
    "BSD License",
    "ISC License (ISCL)",
    "MIT License",
    "Mozilla Public License 2.0 (MPL 2.0)",
    "Public Domain",
    "Python Software Foundation License",
    "new BSD 3-Clause",
}
"""How packages say the same that do not use these identifiers."""
EXCEPTIONS = {"docutils": "its GPL is that of an Emacs mode; twine needs it, torchal does not"}
SYSTEMS = ({"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"},)
SYSTEMS += ({"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"},)
SYSTEMS += ({"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"},)
VERSIONS = ("3.11", "3.12", "3.13")


def direct(project: dict[str, Any]) -> list[Requirement]:
    """Return what pyproject.toml names, optional parts and the build system too."""
    parts = project["project"]["optional-dependencies"].values()
    lines = (project["project"]["dependencies"], project["build-system"]["requires"], *parts)
    return [Requirement(line) for some in lines for line in some]


def pins(text: str) -> dict[str, str]:
    """Return the version of each pinned package."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}


def outside(wanted: Iterable[Requirement], pinned: dict[str, str]) -> list[str]:
    """Return what is wrong with the pins of packages that are named, in words."""
    found = []
    for each in wanted:
        version = pinned.get(canonicalize_name(each.name))
        if version is None:
            found.append(f"{each.name}: has no pin in constraints.txt")
        elif not each.specifier.contains(version, prereleases=True):
            found.append(f"{each.name}: pinned to {version}, and pyproject.toml asks for {each.specifier}")
    return found


def licence(package: Distribution) -> list[str]:
    """Return the licence that a package says it has: one expression of SPDX, or words."""
    read = package.metadata
    if expression := read.get("License-Expression"):
        return [expression]
    classifiers = [each for each in read.get_all("Classifier") or () if each.startswith("License ::")]
    words = [each.rpartition(" :: ")[2] for each in classifiers if each.count(" :: ") > 1]
    return words or [read.get("License", "none").splitlines()[0]]


def allowed(said: list[str]) -> bool:
    """Return whether a licence is one that is allowed; of alternatives one has to be."""
    if len(said) > 1 or said[0] in WORDS:
        return all(each in WORDS for each in said)
    if "(" in said[0]:  # alternatives within a whole: let all of them be allowed
        return all(each in ALLOWED for each in _words(said[0].replace(" OR ", " AND ")))
    return any(all(each in ALLOWED for each in _words(part)) for part in said[0].split(" OR "))


def answered(packages: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Return known vulnerabilities in words, and the packages that a database did not answer for."""
    unknown = [each["name"] for each in packages if "skip_reason" in each]
    return [
        f"{each['name']} {each['version']}: {fault['id']}, mended in {', '.join(fault['fix_versions']) or 'no version'}"
        for each in packages
        for fault in each.get("vulns", ())
    ], unknown


def needed(wanted: Iterable[Requirement]) -> tuple[set[str], set[str]]:
    """Return the packages that are needed on some platform, and those of them whose own needs are not known here."""
    found: set[tuple[str, str]] = set()
    absent, due = set(), [(each, "") for each in wanted]
    while due:
        requirement, part = due.pop()
        name = canonicalize_name(requirement.name)
        if not _ever(requirement, part):
            continue
        for extra in {"", *requirement.extras} - {extra for known, extra in found if known == name}:
            found.add((name, extra))
            try:
                due += [(Requirement(line), extra) for line in distribution(name).requires or ()]
            except PackageNotFoundError:
                absent.add(name)
    return {name for name, _ in found}, absent


def _ever(requirement: Requirement, part: str) -> bool:
    """Return whether a requirement holds on some platform and some Python."""
    if requirement.marker is None:
        return True
    kinds = (
        {**system, "python_version": x, "python_full_version": f"{x}.9"} for system, x in product(SYSTEMS, VERSIONS)
    )
    return any(requirement.marker.evaluate({**kind, "extra": part}) for kind in kinds)


def _words(expression: str) -> list[str]:
    return [each.strip("() ") for each in expression.split(" AND ")]


def _licences(pinned: dict[str, str]) -> tuple[list[str], list[str]]:
    """Return licences that are not allowed, in words, and packages whose licence is not known here."""
    faults, unknown = [], []
    for name in pinned:
        try:
            said = licence(distribution(name))
        except PackageNotFoundError:
            unknown.append(name)
            continue
        if not allowed(said) and name not in EXCEPTIONS:
            faults.append(f"{name}: its licence is {' / '.join(said)}, which scripts/audit.py does not allow")
    return faults, unknown


def _unneeded(wanted: list[Requirement], pinned: dict[str, str]) -> list[str]:
    names, absent = needed(wanted)
    if unpinned := sorted(names - pinned.keys()):
        print(f"needed on some platform, and not pinned: {', '.join(unpinned)}")
    if undecided := sorted(absent & pinned.keys()):
        print(f"pins that nothing needs: not decided, since these are not installed here: {', '.join(undecided)}")
        return []
    return [f"{name}: pinned, and nothing needs it" for name in sorted(pinned.keys() - names)]


def _pip_check() -> list[str]:
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    return [] if done.returncode == 0 else done.stdout.splitlines()


def _vulnerabilities() -> list[str]:
    """Ask a public database about every pin, and say of how many it knew nothing."""
    words = ["-m", "pip_audit", "--no-deps", "--disable-pip", "--format", "json", "--requirement", "constraints.txt"]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
    if not done.stdout.startswith("{"):
        return [
            f"known vulnerabilities: not looked up, {(done.stderr.strip() or 'pip-audit is silent').splitlines()[-1]}"
        ]
    found, unknown = answered(json.loads(done.stdout)["dependencies"])
    if unknown:
        print(f"known vulnerabilities: the database does not answer for {len(unknown)} pins: {', '.join(unknown)}")
    return found


def main(words: list[str]) -> int:
    """Print everything that is found; return 1 if something is wrong."""
    wanted = direct(tomllib.loads((ROOT / "pyproject.toml").read_text()))
    pinned = pins((ROOT / "constraints.txt").read_text())
    faults, unknown = _licences(pinned)
    if unknown:
        print(f"licences: not known of {len(unknown)} pins that are not installed here: {', '.join(unknown)}")
    faults = [*outside(wanted, pinned), *faults, *_unneeded(wanted, pinned), *_pip_check()]
    if "--online" in words:
        faults += _vulnerabilities()
    else:
        print("known vulnerabilities: not looked up; --online asks a public database about every pin")
    print("\n".join(faults) or f"{len(wanted)} named requirements and {len(pinned)} pins: nothing is wrong")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What this installation, this machine and a folder of results are fit for: a finding each, with a remedy."""

from pathlib import Path

from torchal.doctor import data, devices, machine, packages, place
from torchal.doctor.finding import Diagnosis
from torchal.host import Host, prepare


def examine(results: Path) -> Diagnosis:
    """Look at everything, in the state in which results are computed."""
    prepare(Host(results))
    found = [machine.looks(), devices.looks(), place.looks(results), data.looks(), packages.looks()]
    return Diagnosis(tuple(each for some in found for each in some))

import sys
from types import SimpleNamespace

import pytest
import torch

from torchal import energy
from torchal.energy import Joules


def zone(folder, name, kind, microjoules, end=1000):
    place = folder / name
    place.mkdir()
    (place / "name").write_text(f"{kind}\n")
    (place / "max_energy_range_uj").write_text(f"{end}\n")
    (place / "energy_uj").write_text(f"{microjoules}\n")
    return place / "energy_uj"


@pytest.fixture
def powercap(tmp_path, monkeypatch):
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)
    return tmp_path


def test_a_processor_is_the_sum_of_its_packages_and_of_nothing_else(powercap):
    files = [
        zone(powercap, "intel-rapl:0", "package-0", 100),
        zone(powercap, "intel-rapl:1", "package-1", 200),
        zone(powercap, "intel-rapl:2", "psys", 0),
        zone(powercap, "intel-rapl:0:0", "core", 0),
        zone(powercap, "intel-rapl-mmio:0", "package-0", 0),
    ]
    count = Joules("cpu")
    start = count()
    for file, now in zip(files, (130, 250, 999, 999, 999), strict=True):
        file.write_text(str(now))
    assert count() - start == pytest.approx(80e-6)


def test_a_counter_that_starts_over_goes_on(powercap):
    file = zone(powercap, "intel-rapl:0", "package-0", 900)
    count = Joules("cpu")
    start = count()
    for now in (100, 950, 50):
        file.write_text(str(now))
        last = count()
    assert last - start == pytest.approx((200 + 850 + 100) * 1e-6)


def test_processes_side_by_side_are_charged_a_part_each(powercap):
    file = zone(powercap, "intel-rapl:0", "package-0", 0)
    count = Joules("cpu", processes=4)
    start = count()
    file.write_text("400")
    assert count() - start == pytest.approx(100e-6)


def test_where_nothing_tells_nothing_is_said(powercap):
    assert Joules("cpu")() is None
    file = zone(powercap, "intel-rapl:0", "package-0", 1)
    count = Joules("cpu")
    assert count() is not None
    file.unlink()
    assert count() is None


class NVMLError(Exception):
    pass


def nvml(**functions) -> SimpleNamespace:
    known = {
        "NVMLError": NVMLError,
        "nvmlInit": lambda: None,
        "nvmlDeviceGetHandleByUUID": lambda uuid: {"GPU-b": "board b"}[uuid],
        "nvmlDeviceGetTotalEnergyConsumption": lambda board: {"board b": 2500}[board],
    }
    return SimpleNamespace(**known | functions)


def refuses(*_):
    raise NVMLError


@pytest.fixture
def boards(monkeypatch):
    names = {"cuda:0": "a", "cuda:1": "b"}
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid=names[device]))


@pytest.mark.usefixtures("boards")
def test_an_accelerator_is_found_by_its_name_and_not_by_its_number(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", nvml())
    assert Joules("cuda:1")() == 2.5


@pytest.mark.usefixtures("boards")
@pytest.mark.parametrize(
    "function", ["nvmlInit", "nvmlDeviceGetHandleByUUID", "nvmlDeviceGetTotalEnergyConsumption", "import"]
)
def test_an_accelerator_that_does_not_tell_costs_no_run(monkeypatch, function):
    monkeypatch.setitem(sys.modules, "pynvml", None if function == "import" else nvml(**{function: refuses}))
    assert Joules("cuda:1")() is None

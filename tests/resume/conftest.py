"""One undisturbed run to compare with."""

from pathlib import Path

import pytest
import yaml
from small_runs import SMALL, compute, contents


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory) -> dict[str, bytes]:
    results = tmp_path_factory.mktemp("undisturbed")
    compute(results)
    return contents(results)


@pytest.fixture
def spec_file(tmp_path) -> Path:
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump(SMALL, sort_keys=False))
    return file

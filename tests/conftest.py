"""One torch thread for every test: two threads on tiny tensors run many times slower."""

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

torch.set_num_threads(1)

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture
def shared() -> Path:
    """Real data kept beside the checkout; a test that needs it is skipped where it is absent, and says so."""
    if not SHARED.is_dir():
        pytest.skip(f"the optional test data folder {SHARED} is absent; this test compares with real CIFAR-10 files")
    return SHARED

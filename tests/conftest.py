"""Tests run on one torch thread (two on tiny tensors run many times slower) and draw the same examples every time.

``HYPOTHESIS_PROFILE=explore`` draws new ones: worth a run before a release, no reason to refuse a change.

Types and shapes are checked as parts are called by their own tests, and in a whole experiment by tests/golden. Other
tests of whole experiments (some folders) and of thousands of calls of one kernel would take twice as long for it; they
are marked ``unchecked``.
"""

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from hypothesis import settings
from jaxtyping import config

torch.set_num_threads(1)
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", print_blob=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"
WHOLE = {"browser", "cluster", "docs", "resume"}
"""Folders whose tests are of whole experiments."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    unchecked = item.path.parent.name in WHOLE or item.get_closest_marker("unchecked") is not None
    config.update("jaxtyping_disable", unchecked)


@pytest.fixture
def shared() -> Path:
    """Real data kept beside the checkout; a test that needs it is skipped where it is absent, and says so."""
    if not SHARED.is_dir():
        pytest.skip(f"the optional test data folder {SHARED} is absent; this test compares with real CIFAR-10 files")
    return SHARED

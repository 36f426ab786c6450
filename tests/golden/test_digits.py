"""The bytes of a small run, pinned: whoever moves them says so in the changelog."""

import json
import platform
from pathlib import Path

import pytest
import torch

from torchal.experiment import ExperimentSpec
from torchal.launch import Host, run_experiment

GOLDEN = Path(__file__).with_name("digits.json")

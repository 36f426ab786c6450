"""The learning rate as a function of how much of the training is done."""

import math

from torchal.training.recipe import Schedule


def rate_factor(schedule: Schedule, step: int, steps: int) -> float:
    """Return what the starting learning rate is multiplied by in a step, counted from 0, of a training of ``steps``."""
    done = step / steps
    match schedule.name:
        case "constant":
            return 1.0
        case "cosine":
            return (1 + math.cos(math.pi * done)) / 2
        case "step":
            return schedule.factor ** sum(done >= share for share in schedule.at)

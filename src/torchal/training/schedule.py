"""The learning rate as a function of how much of the training is done."""

import math

from torchal.training.recipe import Schedule


def rate_factor(schedule: Schedule, step: int, steps: int) -> float:
    """Return what the learning rate is multiplied by in a step, counted from 0, of a training of ``steps``."""
    rising = schedule.warmup * steps
    if step < rising:
        return (step + 1) / (rising + 1)
    done = (step - rising) / (steps - rising)
    match schedule.name:
        case "constant":
            return 1.0
        case "cosine":
            return (1 + math.cos(math.pi * done)) / 2
        case "linear":
            return 1 - done
        case "step":
            return schedule.factor ** sum(done >= share for share in schedule.at)

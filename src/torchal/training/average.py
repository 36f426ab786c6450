"""Averages of a network's weights that take its place when it is judged and kept.

Izmailov et al. 2018, "Averaging Weights Leads to Wider Optima and Better Generalization", for stochastic weight
averaging (SWA). As in TorchAL, its batch statistics are taken anew over the augmented training examples. An exponential
moving average (EMA) averages the statistics with the weights.
"""

from collections.abc import Iterable
from copy import deepcopy

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn, get_swa_multi_avg_fn, update_bn

from torchal.models import Classifier
from torchal.training.recipe import Recipe

State = dict[str, Tensor]

_TAKEN = "taken"
"""Where a state holds how many weights have entered the average."""


class Average:
    """The average that a recipe asks for, as far as a training has come; without one, the network itself."""

    def __init__(self, recipe: Recipe, model: Classifier, steps: int) -> None:
        """Watch a network.

        Args:
            recipe: says what is averaged.
            model: the network that is trained.
            steps: of one epoch.
        """
        self._recipe, self._model, self._taken = recipe, model, 0
        self._start, self._end = recipe.epochs * steps, recipe.all_epochs * steps
        self._kept = deepcopy(model) if recipe.swa or recipe.ema else None
        self._into = get_ema_multi_avg_fn(recipe.ema.decay) if recipe.ema else get_swa_multi_avg_fn()

    def step(self, step: int) -> None:
        """Take in the weights after a step, counted from 0."""
        swa = self._recipe.swa
        if self._kept is not None and (swa is None or self._due(step + 1, swa.every)):
            self._take(self._kept)

    def _due(self, done: int, every: int) -> bool:
        """Say whether weights enter the average of SWA after so many steps; those of the last step if none else did."""
        in_phase = done - self._start
        return in_phase > 0 and (in_phase % every == 0 or (done == self._end and in_phase < every))

    @torch.no_grad()
    def _take(self, kept: Classifier) -> None:
        old, new = ([*each.parameters(), *each.buffers()] for each in (kept, self._model))
        mean = [number for number, each in enumerate(new) if self._taken and each.is_floating_point()]
        if mean:
            self._into([old[number] for number in mean], [new[number] for number in mean], self._taken)
        for number in set(range(len(new))).difference(mean):  # the first weights, and counters
            old[number].copy_(new[number])
        self._taken += 1

    def takes_over(self, step: int) -> bool:
        """Say whether the average stands for the network after a step: EMA always, SWA at the very end."""
        return self._kept is not None and (self._recipe.swa is None or step + 1 == self._end)

    def network(self, step: int, batches: Iterable[Tensor]) -> Classifier:
        """Return the network to judge after a step; SWA's is given new batch statistics over the batches."""
        if self._kept is None or not self.takes_over(step):
            return self._model
        if self._recipe.swa:
            update_bn(batches, self._kept)
        return self._kept

    def state(self) -> State:
        """Return what is needed to go on averaging; it changes as training goes on."""
        return {} if self._kept is None else self._kept.state_dict() | {_TAKEN: torch.tensor(self._taken)}

    def load(self, state: State) -> None:
        """Go on from a state."""
        if self._kept is not None:
            self._taken = int(state[_TAKEN])
            self._kept.load_state_dict({name: value for name, value in state.items() if name != _TAKEN})

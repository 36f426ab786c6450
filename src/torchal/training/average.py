"""Averages of a network's weights that take its place when it is judged and kept.

Izmailov et al. 2018, "Averaging Weights Leads to Wider Optima and Better Generalization", for stochastic weight
averaging (SWA). As in TorchAL, its batch statistics are taken anew over the augmented training examples.
"""

from collections.abc import Iterable
from typing import cast

from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

from torchal.models import Classifier
from torchal.training.recipe import Recipe

State = dict[str, Tensor]


class Average:
    """The average that a recipe asks for, as far as a training has come; without one, the network itself."""

    def __init__(self, recipe: Recipe, model: Classifier, steps: int) -> None:
        """Watch a network.

        Args:
            recipe: says what is averaged.
            model: the network that is trained.
            steps: of one epoch.
        """
        self._recipe, self._model = recipe, model
        self._start, self._end = recipe.epochs * steps, recipe.all_epochs * steps
        self._kept = _averaged(recipe, model)

    def step(self, step: int) -> None:
        """Take in the weights after a step, counted from 0."""
        swa = self._recipe.swa
        if self._kept is not None and (swa is None or self._due(step + 1, swa.every)):
            self._kept.update_parameters(self._model)

    def _due(self, done: int, every: int) -> bool:
        """Say whether weights enter the average of SWA after so many steps; those of the last step if none else did."""
        in_phase = done - self._start
        return in_phase > 0 and (in_phase % every == 0 or (done == self._end and in_phase < every))

    def takes_over(self, step: int) -> bool:
        """Say whether the average stands for the network after a step: EMA always, SWA at the very end."""
        return self._kept is not None and (self._recipe.swa is None or step + 1 == self._end)

    def network(self, step: int, batches: Iterable[Tensor]) -> Classifier:
        """Return the network to judge after a step; SWA's is given new batch statistics over the batches."""
        if self._kept is None or not self.takes_over(step):
            return self._model
        if self._recipe.swa:
            update_bn(batches, self._kept)
        return cast("Classifier", self._kept.module)

    def state(self) -> State:
        """Return what is needed to go on averaging; it changes as training goes on."""
        return {} if self._kept is None else self._kept.state_dict()

    def load(self, state: State) -> None:
        """Go on from a state."""
        if self._kept is not None:
            self._kept.load_state_dict(state)


def _averaged(recipe: Recipe, model: Classifier) -> AveragedModel | None:
    if recipe.ema:
        return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(recipe.ema.decay), use_buffers=True)
    return AveragedModel(model) if recipe.swa else None

"""How well probabilities agree with outcomes, and the temperature at which they do.

Guo, Pleiss, Sun & Weinberger 2017, "On Calibration of Modern Neural Networks".
"""

from jaxtyping import Float, Int64
from torch import Tensor

TEMPERATURES = tuple(2.0 ** (exponent / 4) for exponent in range(-24, 25))
"""From 1/64 to 64, a quarter of an octave apart."""


def calibration_error(
    probabilities: Float[Tensor, "rows classes"], labels: Int64[Tensor, " rows"], bins: int = 15
) -> float:
    """Return the expected calibration error of the predicted class, in bins of equal width.

    It is the mean over rows of the difference between confidence and accuracy in the row's bin. Cost: one pass.
    """
    confidence, predicted = probabilities.double().max(1)
    places = (confidence * bins).ceil().long().clamp(1, bins) - 1
    gap = confidence - (predicted == labels).double()
    sums = gap.new_zeros(bins).index_add(0, places, gap)
    return float(sums.abs().sum()) / len(gap)


def best_temperature(logits: Float[Tensor, "rows classes"], labels: Int64[Tensor, " rows"], bins: int = 15) -> float:
    """Return the temperature of least calibration error among :data:`TEMPERATURES`; of equal ones the nearest to 1."""
    nearest_first = sorted(TEMPERATURES, key=lambda each: max(each, 1 / each))
    wide = logits.double()
    best: float = min(nearest_first, key=lambda each: calibration_error((wide / each).softmax(1), labels, bins))
    return best

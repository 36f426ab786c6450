"""How well a network predicts: accuracy, likelihood, calibration, and accuracy where classes are not alike.

Balanced accuracy and macro-F1 are means over the classes that occur, so that a rare class counts as much as a common
one; F1 is the harmonic mean of precision and recall, and 0 for a class that is never predicted.

The expected calibration error is that of Guo et al. 2017, "On Calibration of Modern Neural Networks": 15 bins of equal
width over the confidence. A bin holds its upper edge and not its lower one.

Sums by group are made with ``index_add``: exact mode refuses a weighted ``bincount`` on an accelerator.
"""

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from torchal.data.dataset import Examples
from torchal.inference import chunk_for, undisturbed
from torchal.models import Classifier
from torchal.records import Reliability, Scores

BINS = 15


def scores(logits: Float[Tensor, "n classes"], labels: Int64[Tensor, " n"], classes: int) -> Scores:
    """Score predictions, in float64.

    Raises:
        ValueError: if there is nothing to score.
    """
    if len(labels) == 0:
        raise ValueError("examples: there are none to score; give the validation or test side at least one row.")
    logs, predicted = logits.double().log_softmax(1), logits.argmax(1)
    correct = (predicted == labels).double()
    nll = -logs.gather(1, labels[:, None]).mean()
    finite = bool(logs.isnan().any().logical_not())
    return Scores(
        examples=len(labels),
        accuracy=correct.mean().item(),
        nll=nll.item() if nll.isfinite() else None,
        ece=_calibration_error(logs.exp().amax(1), correct) if finite else None,
        per_class=_per_class(correct, labels, classes),
        **_over_classes(correct, predicted, labels, classes),
    )


def _calibration_error(confidence: Float64[Tensor, " n"], correct: Float64[Tensor, " n"]) -> float:
    # a bin's share times |accuracy - confidence| is |sum of (correct - confidence)| / n
    gaps = _sums(correct - confidence, _bins(confidence), BINS)
    return gaps.abs().sum().item() / len(correct)


def _bins(confidence: Float64[Tensor, " n"]) -> Int64[Tensor, " n"]:
    return (confidence * BINS).ceil().long().sub(1).clamp(0, BINS - 1)


def _per_class(correct: Float64[Tensor, " n"], labels: Int64[Tensor, " n"], classes: int) -> tuple[float | None, ...]:
    counts = torch.bincount(labels, minlength=classes).tolist()
    hits = _sums(correct, labels, classes).tolist()
    return tuple(hit / count if count else None for hit, count in zip(hits, counts, strict=True))


def _over_classes(
    correct: Float64[Tensor, " n"], predicted: Int64[Tensor, " n"], labels: Int64[Tensor, " n"], classes: int
) -> dict[str, float]:
    """Return the means over the classes that occur of recall and of F1 = 2 hits / (true + predicted)."""
    hits = _sums(correct, labels, classes)
    true, said = (torch.bincount(each, minlength=classes).double() for each in (labels, predicted))
    occurs = true > 0
    recall, f1 = hits / true.clamp_min(1), 2 * hits / (true + said).clamp_min(1)
    count = occurs.sum()
    return {
        "balanced_accuracy": ((recall * occurs).sum() / count).item(),
        "macro_f1": ((f1 * occurs).sum() / count).item(),
    }


def _sums(values: Float64[Tensor, " n"], groups: Int64[Tensor, " n"], count: int) -> Float64[Tensor, " groups"]:
    return values.new_zeros(count).index_add_(0, groups, values)


def reliability(logits: Float[Tensor, "n classes"], labels: Int64[Tensor, " n"]) -> Reliability | None:
    """Return how often predictions are right, by how sure they are; None if they are not finite."""
    probabilities = logits.double().softmax(1)
    if bool(probabilities.isnan().any()):
        return None
    confidence, bins = probabilities.amax(1), _bins(probabilities.amax(1))
    counts = torch.bincount(bins, minlength=BINS).tolist()
    sums = [_sums(each, bins, BINS).tolist() for each in (confidence, (logits.argmax(1) == labels).double())]
    sure, right = (tuple(s / n if n else None for s, n in zip(each, counts, strict=True)) for each in sums)
    return Reliability(counts=tuple(counts), confidence=sure, accuracy=right)


def evaluate(model: Classifier, examples: Examples, classes: int, chunk: int | None = None) -> Scores:
    """Score a network on examples, in evaluation mode and in chunks, and leave it as it was."""
    return scores(predictions(model, examples, chunk), examples.labels, classes)


def predictions(model: Classifier, examples: Examples, chunk: int | None = None) -> Float[Tensor, "n classes"]:
    """Return what a network says of examples, in evaluation mode and in chunks, and leave it as it was."""
    inputs = examples.inputs
    parts = examples.rows.split(chunk or chunk_for(inputs.shape, examples.labels.device))
    with undisturbed(model):
        return torch.cat([model(x) for x in inputs.batches(part.to(inputs.home) for part in parts)])

"""Choosing points whose Fisher information best covers that of all points (BAIT).

Ash, Goel, Krishnamurthy & Kakade 2021, "Gone Fishing: Neural Active Learning with Fisher Embeddings": find the batch
that minimises the trace of ``M^-1 F``, with F the mean over all points, labelled or not, of the Fisher matrices of the
last layer, and M the sum of those of the labelled points and the batch plus a ridge. Points are added greedily, more
than are wanted, and then removed greedily; every candidate is tried by the Woodbury identity.

Deviations: each labelled or chosen point counts once in M. The authors' published program counts a labelled point once
and a chosen one ``budget`` times, and has a ridge ``labelled + budget`` times as large. ``fisher_select_binary`` is the
approximation of Huseljic, Hahn, Herde, Rauch & Sick 2024, "Fast Fishing: Approximating BAIT for Efficient and Scalable
Deep Active Image Classification", in which the label is only whether the most probable class is right.

The Fisher matrix of a point is ``V V^T`` with V the Kronecker product of a small weight matrix, which depends on its
probabilities, and its embedding. For every point ``V^T M^-1 V`` and ``V^T M^-1 F M^-1 V`` are kept, and corrected
after each pick by a product with the few columns in which M^-1 has changed. All in float64.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

SIZE_LIMIT = 6_000
"""Classes times width above which ``fisher_select`` refuses: its four matrices of that size then take over 1.1 GB."""

_EQUAL = 1e-9
"""Gains that differ by less than this part of the largest are equal: rounding depends on the chunk and the device."""

_LEAST_RIDGE = 1e-5
"""Least ridge as a part of the largest trace of one point's Fisher matrix: rounding grows with its inverse's square."""

_TINY = torch.finfo(torch.float64).tiny


class _Points(NamedTuple):
    """Points whose Fisher matrix is ``V V^T``, with V the Kronecker product of weights and embedding."""

    weights: Float64[Tensor, "points blocks rank"]
    embeddings: Float64[Tensor, "points width"]

    def parts(self, chunk: int) -> "list[_Points]":
        """Return them a few at a time."""
        return [_Points(*pair) for pair in zip(self.weights.split(chunk), self.embeddings.split(chunk), strict=True)]

    def at(self, positions: Int64[Tensor, " some"]) -> "_Points":
        """Return those at some positions."""
        return _Points(self.weights[positions], self.embeddings[positions])


def fisher_select(  # noqa: PLR0913 - the arrays of pool and labelled, and what the method leaves open
    probabilities: Float[Tensor, "pool classes"],
    embeddings: Float[Tensor, "pool width"],
    labelled_probabilities: Float[Tensor, "labelled classes"],
    labelled_embeddings: Float[Tensor, "labelled width"],
    budget: int,
    *,
    ridge: float = 1.0,
    oversample: int = 2,
    chunk: int = 1024,
) -> Int64[Tensor, " budget"]:
    """Return indices of points by which the trace of ``M^-1 F`` is made small, with the Fisher matrices of a softmax.

    ``oversample * budget`` points are added, each the one by which the trace falls most; then those by whose absence it
    rises least are removed. The rest comes in the order of being added. Of falls within a billionth of each other the
    lowest index is taken, of such rises the last added goes. No point comes twice.

    Cost, with ``size = classes * width``: ``(pool + labelled) * size ** 2 + 3 * size ** 3`` operations once, and
    ``2 * classes * size * (pool + size)`` for each point added. Memory beyond the arguments, in float64 numbers: four
    matrices of ``size ** 2``, one copy of the embeddings, ``8 * classes ** 2`` for each point of the pool, and
    ``2 * chunk * size``.

    Raises:
        ValueError: if ``classes * width`` exceeds ``SIZE_LIMIT``, if the budget exceeds the pool, if the arrays do not
            fit together, if an embedding is not finite or a row of probabilities no distribution, or if the ridge or
            the oversampling is too small.
    """
    size = probabilities.shape[1] * embeddings.shape[1]
    if size > SIZE_LIMIT:
        raise ValueError(
            f"embeddings: {embeddings.shape[1]} dimensions of {probabilities.shape[1]} classes need matrices of "
            f"{size} x {size}, beyond {SIZE_LIMIT}; reduce the dimensions or use fisher_select_binary."
        )
    _refuse_misfits(probabilities, embeddings, labelled_probabilities, labelled_embeddings)
    pool = _Points(_softmax_weights(probabilities.double()), embeddings.double())
    labelled = _Points(_softmax_weights(labelled_probabilities.double()), labelled_embeddings.double())
    return _select(pool, labelled, budget, ridge, oversample, chunk)


def fisher_select_binary(  # noqa: PLR0913 - the same as of fisher_select
    probabilities: Float[Tensor, "pool classes"],
    embeddings: Float[Tensor, "pool width"],
    labelled_probabilities: Float[Tensor, "labelled classes"],
    labelled_embeddings: Float[Tensor, "labelled width"],
    budget: int,
    *,
    ridge: float = 1.0,
    oversample: int = 2,
    chunk: int = 1024,
) -> Int64[Tensor, " budget"]:
    """Return what ``fisher_select`` does, with ``p (1 - p) z z^T`` as the Fisher matrix of a point: p the largest.

    It is that of a logistic regression on the embedding z that is right with probability p. Order and ties as there.
    With two classes the choice is that of ``fisher_select`` with twice the ridge.

    Cost: ``2 * (pool + labelled) * width ** 2 + 3 * width ** 3`` operations once, and ``2 * width * (pool + width)``
    for each point added. Memory beyond the arguments, in float64 numbers: one copy of the embeddings, four matrices of
    ``width ** 2``, and ``2 * chunk * width``.

    Raises:
        ValueError: as ``fisher_select``, but at no size.
    """
    _refuse_misfits(probabilities, embeddings, labelled_probabilities, labelled_embeddings)
    pool = _Points(_binary_weights(probabilities.double()), embeddings.double())
    labelled = _Points(_binary_weights(labelled_probabilities.double()), labelled_embeddings.double())
    return _select(pool, labelled, budget, ridge, oversample, chunk)


def _softmax_weights(probabilities: Float64[Tensor, "points classes"]) -> Float64[Tensor, "points classes rank"]:
    """Return a factor of ``diag(p) - p p^T`` with one column less than there are classes.

    Whether the label is class k, given that none before it is, are independent pieces of information: a column each,
    between class k and the classes after it. No digits cancel, however sure the network.
    """
    classes = probabilities.shape[1]
    after = probabilities @ probabilities.new_ones(classes, classes).tril()  # class k or one after it
    here, rest = probabilities[:, :-1], after[:, 1:]
    scale = (here * rest / after[:, :-1].clamp_min(_TINY)).sqrt()
    later = probabilities[:, :, None] / rest[:, None].clamp_min(_TINY)
    return scale[:, None] * (torch.eye(*later.shape[1:]).to(later) - later.tril(-1))


def _binary_weights(probabilities: Float64[Tensor, "points classes"]) -> Float64[Tensor, "points 1 1"]:
    ordered = probabilities.sort(1, descending=True).values
    others = ordered[:, 1:].sum(1)  # rather than 1 - p, which has lost its digits where p is near 1
    return (ordered[:, 0] * others).sqrt()[:, None, None]


def _select(pool: _Points, labelled: _Points, budget: int, ridge: float, oversample: int, chunk: int) -> Tensor:
    _refuse_settings(pool, budget, ridge, oversample)
    known = _information(labelled, chunk)
    fisher = (_information(pool, chunk) + known) / (len(pool.weights) + len(labelled.weights))
    known.diagonal().add_(ridge)
    design = _design(pool, torch.cholesky_inverse(torch.linalg.cholesky(known)), fisher, chunk)
    added = _add(design, min(oversample * budget, len(pool.weights)))
    return _remove(design.of(added), added, budget)


def _add(design: "_Design", number: int) -> Int64[Tensor, " number"]:
    added = torch.empty(number, dtype=torch.int64, device=design.inverse.device)
    for pick in range(number):
        falls = design.changes(1).index_fill(0, added[:pick], -torch.inf)
        design.move(added[pick : pick + 1].copy_(_first_largest(falls)), 1)
    return added


def _remove(design: "_Design", added: Int64[Tensor, " added"], budget: int) -> Int64[Tensor, " budget"]:
    gone = torch.zeros_like(added)
    for _ in range(len(added) - budget):
        rises = design.changes(-1).masked_fill(gone.bool(), torch.inf)
        last = len(added) - 1 - _first_largest(-rises.flip(0))
        design.move(last[None], -1)
        gone[last] = 1
    return added[gone.argsort(stable=True)[:budget]]


def _first_largest(values: Float64[Tensor, " some"]) -> Int64[Tensor, ""]:
    largest = values.amax()
    return (values >= largest - _EQUAL * largest.abs()).byte().argmax()


@dataclass(frozen=True)
class _Design:
    """The inverse of M, and what each point does to the trace of ``M^-1 F`` when it is added to M or removed from it.

    Throughout, sign is 1 for adding and -1 for removing.
    """

    points: _Points
    inverse: Float64[Tensor, "size size"]
    fisher: Float64[Tensor, "size size"]
    leverage: Float64[Tensor, "points rank rank"]
    """``V^T M^-1 V``."""
    reach: Float64[Tensor, "points rank rank"]
    """``V^T M^-1 F M^-1 V``."""
    chunk: int

    def of(self, some: Int64[Tensor, " some"]) -> "_Design":
        """Return the same for some points only."""
        return replace(self, points=self.points.at(some), leverage=self.leverage[some], reach=self.reach[some])

    def changes(self, sign: int) -> Float64[Tensor, " points"]:
        """Return by how much adding each point lowers the trace, or removing it raises it."""
        inner = torch.eye(self.leverage.shape[-1]).to(self.leverage) + sign * self.leverage
        change: Tensor = torch.linalg.solve_ex(inner, self.reach).result
        return change.diagonal(dim1=1, dim2=2).sum(1)

    def move(self, position: Int64[Tensor, " 1"], sign: int) -> None:
        """Add a point or remove it."""
        columns = self._change(position, sign)  # of the new inverse, which is the old one less sign * columns columns^T
        pulled = self.fisher @ columns
        near, far = _products(self.points, torch.cat([columns, self.inverse @ pulled], 1), self.chunk).chunk(2, dim=2)
        cross = near @ far.mT
        self.leverage.sub_(near @ near.mT, alpha=sign)
        self.reach.add_(near @ (columns.T @ pulled) @ near.mT).sub_(cross + cross.mT, alpha=sign)
        self.inverse.addmm_(columns, columns.T, alpha=-sign)

    def _change(self, position: Tensor, sign: int) -> Float64[Tensor, "size rank"]:
        point = self.points.at(position)
        factor = (point.weights[0][:, None] * point.embeddings[0][:, None]).flatten(0, 1)
        reached = self.inverse @ factor
        inner = torch.eye(factor.shape[1]).to(factor) + sign * factor.T @ reached
        root = torch.linalg.cholesky_ex(inner).L
        columns: Tensor = torch.linalg.solve_triangular(root, reached.T, upper=False)
        return columns.T


def _design(points: _Points, inverse: Tensor, fisher: Tensor, chunk: int) -> _Design:
    leverage, reach = (_forms(points, matrix, chunk) for matrix in (inverse, inverse @ fisher @ inverse))
    return _Design(points, inverse, fisher, leverage, reach, chunk)


def _information(points: _Points, chunk: int) -> Float64[Tensor, "size size"]:
    """Return the sum of the points' Fisher matrices."""
    blocks, width = points.weights.shape[1], points.embeddings.shape[1]
    total = points.embeddings.new_zeros(blocks, width, blocks * width)
    for weights, embeddings in points.parts(chunk):
        for block, curvature in enumerate((weights @ weights.mT).unbind(1)):
            total[block].addmm_(embeddings.T, (curvature[:, :, None] * embeddings[:, None]).flatten(1))
    return total.flatten(0, 1)


def _forms(points: _Points, matrix: Float64[Tensor, "size size"], chunk: int) -> Float64[Tensor, "points rank rank"]:
    """Return ``V^T matrix V`` for every point, with one product by the embedding for all its columns."""
    blocks = points.weights.shape[1]
    forms = []
    for weights, embeddings in points.parts(chunk):
        rows = (embeddings @ each for each in matrix.chunk(blocks))
        inner = [torch.einsum("nbw,nw->nb", row.unflatten(1, (blocks, -1)), embeddings) for row in rows]
        forms.append(weights.mT @ torch.stack(inner, 1) @ weights)
    return torch.cat(forms)


def _products(
    points: _Points, columns: Float64[Tensor, "size some"], chunk: int
) -> Float64[Tensor, "points rank some"]:
    """Return ``V^T columns`` for every point."""
    shape = points.weights.shape[1], columns.shape[1]
    side = columns.unflatten(0, (shape[0], -1)).transpose(0, 1).flatten(1)
    parts = points.parts(chunk)
    return torch.cat([part.weights.mT @ (part.embeddings @ side).unflatten(1, shape) for part in parts])


def _refuse_misfits(*arrays: Tensor) -> None:
    probabilities, embeddings, labelled_probabilities, labelled_embeddings = arrays
    for rows, points in ((probabilities, embeddings), (labelled_probabilities, labelled_embeddings)):
        if len(rows) != len(points):
            raise ValueError(f"embeddings: {len(points)} rows for {len(rows)} rows of probabilities; give one each.")
        if rows.shape[1] != probabilities.shape[1] or points.shape[1] != embeddings.shape[1]:
            raise ValueError(
                f"labelled: {rows.shape[1]} classes and {points.shape[1]} dimensions, where the pool has "
                f"{probabilities.shape[1]} and {embeddings.shape[1]}; take both from one network."
            )
        if not points.isfinite().all():
            raise ValueError("embeddings: some are NaN or infinite; look for a network that diverged.")
        if not ((rows >= 0).all() and ((rows.sum(1, dtype=torch.float64) - 1).abs() <= 0.01).all()):
            raise ValueError(
                "probabilities: some rows are no distributions (negative, NaN, or not summing to 1 within 0.01); "
                "give a softmax over the classes, and look for a network that diverged."
            )


def _refuse_settings(pool: _Points, budget: int, ridge: float, oversample: int) -> None:
    if budget > len(pool.weights):
        raise ValueError(f"budget: {budget} exceeds the {len(pool.weights)} points; ask for at most that many.")
    if oversample < 1:
        raise ValueError(f"oversample: {oversample} adds fewer points than the budget; ask for at least 1.")
    lengths = torch.linalg.vector_norm(pool.embeddings, dim=1)
    traces = pool.weights.square().sum((1, 2)) * lengths.square()
    least = _LEAST_RIDGE * float(traces.max()) if len(traces) else 0.0
    if not (ridge > 0 and ridge >= least):
        raise ValueError(
            f"ridge: {ridge} is below {least:.3g}, where rounding would decide for embeddings as large as these; "
            "raise it or scale the embeddings down."
        )

"""What the pool is like: imbalanced, full of copies, or with examples that belong to no class.

Only the pool is changed. The initial labelled set, the validation set and the test set are drawn before, and copies are
made of rows of the pool alone, so that nothing leaks from one set to another.
"""

import math
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Int64
from pydantic import BeforeValidator, Field, model_validator
from torch import Tensor

from torchal.data.dataset import AnySource, Dataset, Inputs, Resident, Split
from torchal.data.imbalance import AnyImbalance, firsts
from torchal.data.noise import position
from torchal.data.order import shuffled
from torchal.data.partition import Partition
from torchal.data.selected import Selected
from torchal.data.size import Share
from torchal.digest import digest_of
from torchal.rng import Address, generator
from torchal.spec import Spec

NONE = -1
"""The label of an example that belongs to none of the classes."""


class Copies(Spec):
    """Rows of the pool that it holds more than once."""

    share: Share
    """Share of the pool's rows of which there are copies."""

    times: int = Field(1, ge=1)
    """Copies of each."""

    jitter: float = Field(0.0, ge=0)
    """Standard deviation of Gaussian noise that tells a copy from its original, for one of the pool's own values; 0
    for exact copies."""


def _names(value: Any) -> Any:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else value


class Strangers(Spec):
    """Examples in the pool that belong to none of the classes: to ask for their labels costs, and teaches nothing."""

    classes: Annotated[tuple[str, ...] | None, BeforeValidator(_names)] = None
    """Classes of the data set, by name, that are not to be learnt. Their rows are in the pool alone; what is left is a
    problem with fewer classes."""

    dataset: AnySource | None = None
    """Another data set, whose training side they come from."""

    share: Share | Literal["all"] = "all"
    """Share of the pool that they are, or ``all`` there are."""

    @model_validator(mode="after")
    def _one_origin(self) -> "Strangers":
        if (self.classes is None) == (self.dataset is None):
            raise ValueError("needs classes or dataset, and not both: say where the strangers come from")
        if self.dataset is not None and self.share == "all":
            raise ValueError("share: of strangers from another data set it must be said; give 20%, for example")
        if self.share == 1:
            raise ValueError("share: a pool of strangers alone has nothing to learn from; lower it")
        return self


class Pool(Spec):
    """What the pool is like. By default it is all that neither the labelled nor the validation rows take."""

    imbalance: AnyImbalance = None
    """Class counts: ``{long_tail: 100}``, ``{step: 10, minority: 50%}`` or ``torchal``. What is above goes."""

    strangers: Strangers | None = None
    """Examples of none of the classes, from classes held out or from another data set."""

    copies: Copies | None = None
    """Copies of rows, exact or nearly so."""


@dataclass(frozen=True)
class Ground:
    """A data set and the first partition of its training side, which may hold rows that belong to no class."""

    data: Dataset
    rows: Partition


def known_classes(data: Dataset, strangers: Strangers | None) -> Dataset:
    """Return the data set without the classes that are held out: their training rows belong to no class.

    Raises:
        ValueError: if there is no such class, or fewer than two are left.
    """
    if strangers is None or strangers.classes is None:
        return data
    out = {position(name, data.classes, "pool.strangers.classes") for name in strangers.classes}
    left = [c for c in range(len(data.classes)) if c not in out]
    if len(left) < 2:
        raise ValueError("pool.strangers.classes: leaves fewer than two classes to learn; hold out fewer")
    number = torch.full((len(data.classes),), NONE, device=data.train.labels.device)
    number[left] = torch.arange(len(left), device=number.device)
    tested = (number[data.test.labels] >= 0).nonzero().squeeze(1)
    return replace(
        data,
        train=Split(data.train.inputs, number[data.train.labels]),
        test=Split(Selected(data.test.inputs, tested.to(data.test.inputs.home)), number[data.test.labels[tested]]),
        classes=tuple(data.classes[c] for c in left),
        digest=digest_of([data.digest, "held out", sorted(out)]),
    )


def shaped(ground: Ground, pool: Pool, foreign: Dataset | None, where: Address) -> Ground:
    """Return the data set and the partition with the pool as it was asked for.

    Args:
        ground: the data set without the classes held out, and its partition, on the CPU's numbering.
        pool: what it is to be like.
        foreign: the data set that strangers come from, if from another.
        where: address of all that is drawn.

    Raises:
        ValueError: naming the field that cannot be had.
    """
    ground = _thinned(ground, pool)
    if pool.strangers:
        ground = _with_strangers(ground, pool.strangers, foreign, (*where, "strangers"))
    if pool.copies:
        ground = _with_copies(ground, pool.copies, (*where, "copies"))
    return ground


def _thinned(ground: Ground, pool: Pool) -> Ground:
    """Leave out what is above the class counts asked for, the last rows of the pool first."""
    if pool.imbalance is None:
        return ground
    labels, rows = ground.data.train.labels.cpu(), ground.rows.pool
    familiar, strange = rows[labels[rows] >= 0], rows[labels[rows] < 0]
    available = torch.bincount(labels[familiar], minlength=len(ground.data.classes)).tolist()
    kept, _ = firsts(familiar, labels, pool.imbalance.most(tuple(available)))
    return replace(ground, rows=replace(ground.rows, pool=_in_order(rows, torch.cat([kept, strange]))))


def _in_order(rows: Int64[Tensor, " n"], chosen: Int64[Tensor, " some"]) -> Int64[Tensor, " some"]:
    return rows[torch.isin(rows, chosen)]


def _with_strangers(ground: Ground, strangers: Strangers, foreign: Dataset | None, where: Address) -> Ground:
    labels, pool = ground.data.train.labels.cpu(), ground.rows.pool
    familiar = int((labels[pool] >= 0).sum())
    wanted = None if strangers.share == "all" else round(strangers.share / (1 - strangers.share) * familiar)
    strange = pool[labels[pool] < 0] if foreign is None else torch.arange(len(foreign.train))
    if wanted is not None and wanted > len(strange):
        most = len(strange) / (len(strange) + familiar)
        raise ValueError(
            f"pool.strangers.share: asks for {wanted} strangers beside {familiar} rows, and there are {len(strange)}; "
            f"ask for at most {math.floor(1000 * most) / 10}%"
        )
    chosen = strange[shuffled(len(strange), *where)[:wanted]]
    if foreign is None:
        left = pool[(labels[pool] >= 0) | torch.isin(pool, chosen)]
        return replace(ground, rows=replace(ground.rows, pool=left))
    return _joined(ground, foreign, chosen, where)


def _joined(ground: Ground, foreign: Dataset, chosen: Int64[Tensor, " k"], where: Address) -> Ground:
    """Append rows of another data set, which belong to no class."""
    ours, theirs = ground.data.train.inputs, foreign.train.inputs
    if ours.shape != theirs.shape:
        raise ValueError(
            f"pool.strangers.dataset: {foreign.name} has examples of shape {theirs.shape}, and {ground.data.name} of "
            f"{ours.shape}; take one of the same shape"
        )
    device = ground.data.train.labels.device
    added = _resident(theirs, "pool.strangers.dataset").raw(chosen)
    labels = torch.full((len(chosen),), NONE, device=device)
    return _appended(ground, _more(ours, added, "pool.strangers.dataset"), labels, where, foreign.digest)


def _with_copies(ground: Ground, copies: Copies, where: Address) -> Ground:
    pool, train = ground.rows.pool, ground.data.train
    count = round(copies.share * len(pool))
    chosen = pool[shuffled(len(pool), *where)[:count]].repeat(copies.times)
    labels = train.labels[chosen.to(train.labels.device)]
    if copies.jitter and len(chosen):
        added = _jittered(_resident(train.inputs, "pool.copies.jitter"), pool, chosen, copies.jitter, where)
        inputs: Inputs = _more(train.inputs, added, "pool.copies.jitter")
    else:
        rows = torch.cat([torch.arange(len(train)), chosen])
        inputs = Selected(train.inputs, rows.to(train.inputs.home))
    return _appended(ground, inputs, labels, where, [copies.jitter, chosen.tolist()])


def _jittered(inputs: Resident, pool: Tensor, chosen: Tensor, jitter: float, where: Address) -> Tensor:
    """Return copies with noise, rounded and cut off where values are bytes."""
    spread = inputs.raw(pool).double().std().item()
    values = inputs.raw(chosen)
    noise = torch.randn(values.shape, generator=generator(*where, "jitter")).to(values.device) * (jitter * spread)
    moved = values + noise
    return moved.round().clamp(0, 255).to(torch.uint8) if values.dtype == torch.uint8 else moved.to(values.dtype)


def _resident(inputs: Inputs, field: str) -> Resident:
    if not isinstance(inputs, Resident):
        raise ValueError(f"{field}: needs data that lie in memory, and these are read from disk; leave it out")
    return inputs


def _more(inputs: Inputs, added: Tensor, field: str) -> Resident:
    """Return inputs with further rows."""
    base = _resident(inputs, field)
    if base.values.dtype != added.dtype:
        raise ValueError(f"{field}: holds {added.dtype}, and the data set {base.values.dtype}; both must be images")
    return replace(base, values=torch.cat([base.values, added.to(base.values.device)]))


def _appended(ground: Ground, inputs: Inputs, labels: Tensor, where: Address, what: Any) -> Ground:
    """Return the data set with rows appended to its training side and, shuffled in, to the pool."""
    data, n = ground.data, len(ground.data.train)
    train = Split(inputs, torch.cat([data.train.labels, labels]))
    pool = torch.cat([ground.rows.pool, torch.arange(n, n + len(labels))])
    mixed = pool[shuffled(len(pool), *where, "place")]
    digest = digest_of([data.digest, list(where), what])
    return Ground(replace(data, train=train, digest=digest), replace(ground.rows, pool=mixed))

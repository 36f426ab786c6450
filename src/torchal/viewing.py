"""What a report shows of a query, recorded while the network is at hand, since reports load no torch.

The plane of the map is that of the two leading principal components of a sample of the pool. No strategy is in the
sample's address, so that strategies with the same network are drawn on the same map.
"""

from pathlib import Path

import torch
from jaxtyping import Float, Int64
from PIL import Image
from torch import Tensor

from torchal.data.dataset import Inputs
from torchal.query.evidence import Evidence, Positions
from torchal.records import Map, ViewRecord
from torchal.rng import Address, generator

VIEW, THUMBNAILS = "view.json", "thumbnails.png"
SAMPLE, SHOWN, PICTURES = 500, 200, 12
"""Rows of the pool and of those chosen that are on the map, and those chosen that are shown as pictures."""
_SIDE, _IMAGE = 64, 3
"""The longest side of a picture in pixels, and the dimensions of an image."""


def view(
    draft: Path,
    inputs: Inputs,
    pool: int,
    asked: Int64[Tensor, " asked"],
    labels: Int64[Tensor, " asked"],
    classes: int,
) -> ViewRecord:
    """Return what can be shown without a network, and write pictures of the first rows if they are images.

    Args:
        draft: folder of the query's entry.
        inputs: of the training side.
        pool: how many rows could be chosen.
        asked: rows, in the order in which they were chosen.
        labels: what the oracle said of them, -1 for none of the classes.
        classes: how many classes there are.
    """
    known = labels[labels >= 0]
    pictured = _pictures(draft / THUMBNAILS, inputs, asked[:PICTURES])
    return ViewRecord(
        pool=pool,
        counts=tuple(torch.bincount(known.cpu(), minlength=classes).tolist()),
        pictured=tuple(labels[:pictured].tolist()),
    )


def seen(
    evidence: Evidence, chosen: Positions, labels: Int64[Tensor, " asked"], where: Address
) -> dict[str, float | Map | None]:
    """Return what the cycle's network says of the rows that were chosen, and of a sample of the pool: fields of a view.

    Args:
        evidence: what the strategy was told.
        chosen: positions in the pool.
        labels: what the oracle said of them.
        where: address of the sample.
    """
    sample = torch.randperm(evidence.size, generator=generator(*where, "view"))[:SAMPLE]
    predicted = evidence.logits(chosen).argmax(1).to(labels.device)
    right = (predicted == labels)[labels >= 0]
    shown = torch.cat([sample.to(chosen.device), chosen[:SHOWN]])
    sure = evidence.logits(shown).double().softmax(1).amax(1).cpu()
    return {
        "accuracy": right.double().mean().item() if len(right) else None,
        "map": _map(evidence.embeddings(shown).double().cpu(), sure, len(sample)),
    }


def _map(features: Float[Tensor, "shown width"], sure: Float[Tensor, " shown"], sample: int) -> Map | None:
    """Return where rows lie; None if the network has diverged and says no numbers."""
    if not (features.isfinite().all() and sure.isfinite().all()):
        return None
    centred = features - features[:sample].mean(0)
    _, spread, axes = torch.linalg.svd(centred[:sample], full_matrices=False)
    variance, axes = spread.square(), axes[:2]
    # an axis has no direction of its own, so its largest entry is made positive
    axes = axes * axes.gather(1, axes.abs().argmax(1, keepdim=True)).sign()
    places = torch.zeros(len(centred), 2, dtype=centred.dtype)
    places[:, : len(axes)] = centred @ axes.T
    dots = [(round(x, 4), round(y, 4), round(p, 4)) for (x, y), p in zip(places.tolist(), sure.tolist(), strict=True)]
    total = variance.sum().item()
    return Map(
        pool=tuple(dots[:sample]),
        chosen=tuple(dots[sample:]),
        explained=variance[:2].sum().item() / total if total else 1.0,
    )


def _pictures(place: Path, inputs: Inputs, rows: Int64[Tensor, " rows"]) -> int:
    """Write small images side by side, and return how many; none of what are no images."""
    raw = inputs.raw(rows.to(inputs.home)).cpu()
    if raw.dtype != torch.uint8 or len(inputs.shape) != _IMAGE or inputs.shape[0] not in {1, 3} or not len(rows):
        return 0
    images = [Image.fromarray(each.permute(1, 2, 0).squeeze(2).numpy()) for each in raw]
    for image in images:
        image.thumbnail((_SIDE, _SIDE))
    width, height = images[0].size
    strip = Image.new(images[0].mode, (width * len(images), height))
    for number, image in enumerate(images):
        strip.paste(image, (width * number, 0))
    strip.save(place, format="PNG", optimize=True)
    return len(images)

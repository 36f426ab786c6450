"""A vision network that was trained elsewhere, fine-tuned or as it is.

Any backbone of Hugging Face transformers that takes images (ViT, DeiT, DINOv2, Swin, ConvNeXt, ResNet and others): Wolf
et al. 2020, "Transformers: State-of-the-Art Natural Language Processing". Only the head is drawn anew.
"""

import re
from copy import deepcopy
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator
from torch import nn

from torchal.data.dataset import Dataset
from torchal.models import Classifier
from torchal.models._backbone import steps
from torchal.models._checkpoint import checkpoint_files, fetched, library, normalisation
from torchal.models._embedded import embedded
from torchal.models._representation import Representation


class Pretrained(Representation):
    """A network of Hugging Face transformers with a new head: fine-tuned, or frozen with its features computed once."""

    path: Path | None = None
    """Folder of a checkpoint: ``config.json`` and weights in safetensors."""

    repo: str | None = None
    """Name of a checkpoint on the Hugging Face hub, such as ``facebook/dinov2-small``; in the place of ``path``."""

    revision: str | None = None
    """The commit of ``repo``, 40 hexadecimal digits: branches and tags move, and results must name what they used."""

    frozen: bool = False
    """Whether the network stays as it is: its features are computed once a data set, and only the head learns."""

    size: int | None = Field(None, ge=1)
    """Pixels of a side that images are scaled to; by default what the checkpoint was made for, if it says so."""

    @property
    def family(self) -> Literal["scratch", "head", "finetuned"]:
        """A head if the network is frozen, else a pretrained network whose weights all go on learning."""
        return "head" if self.frozen else "finetuned"

    @classmethod
    def files(cls, path: Path) -> list[Path]:
        """Return the files of the checkpoint that features depend on."""
        return checkpoint_files(path)

    @model_validator(mode="after")
    def _one_place(self) -> "Pretrained":
        if (self.path is None) == (self.repo is None):
            raise ValueError("needs path, a local folder, or repo, a name on the hub; give one of them")
        if self.path and self.revision:
            raise ValueError("revision: belongs to repo, and path is given; remove one of them")
        if self.repo and not re.fullmatch("[0-9a-f]{40}", self.revision or ""):
            raise ValueError(f"revision: {self.revision} is no commit; give the 40 hexadecimal digits of {self.repo}'s")
        return self

    def prepare(self, data: Dataset) -> Dataset:
        """Return the data set with the frozen network's features in the place of its images, or else as it is.

        Raises:
            ValueError: if the data are no images, or the network or its library cannot be had.
        """
        made_of = [library(), self.repo, self.revision, self.digest, self.size]
        self._check(data)
        device = data.train.labels.device
        return embedded(data, lambda: self._steps(data.shape)[0].to(device), made_of) if self.frozen else data

    def _check(self, data: Dataset) -> None:
        if len(data.shape) != 3:
            raise ValueError(f"model pretrained: takes images, and {data.name} has vectors; choose mlp.")
        if getattr(data.train.inputs, "mean", None) is not None and normalisation(self._folder()):
            raise ValueError(
                f"model pretrained: the network normalises images as in its own training, and {data.name} is "
                "normalised already; set the data set's normalise: false."
            )

    def build(self, shape: tuple[int, ...], classes: int) -> Classifier:
        """Return the pretrained network with a new head, or where it is frozen the head alone.

        Raises:
            ValueError: if the network cannot take that shape.
        """
        if self.frozen:
            return self.head(shape, classes)
        body, width = self._steps(shape)
        top = self.head((width,), classes)
        return Classifier(nn.Sequential(*body, *top.body), top.head)

    def _steps(self, shape: tuple[int, ...]) -> tuple[nn.Sequential, int]:
        """Return a copy of the steps from images to features, and the features' width."""
        body, width = steps(self._folder(), self.digest, self.size, shape)
        return deepcopy(body), width

    def _folder(self) -> Path:
        return self.path or fetched(str(self.repo), str(self.revision))

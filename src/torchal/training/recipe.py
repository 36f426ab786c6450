"""How a network is trained."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from torchal.spec import Spec, nearest
from torchal.training.presets import PRESETS, merged

Share = Annotated[float, Field(gt=0, lt=1)]


class Schedule(Spec):
    """How the learning rate changes in the course of a training."""

    name: Literal["constant", "cosine", "linear", "step"] = "constant"
    """``constant``, ``cosine`` or ``linear`` down to 0, or ``step``: times ``factor`` at each point of ``at``."""

    at: tuple[Share, ...] = (0.3, 0.6, 0.8)
    """For ``step``: shares of the training after which the rate falls."""

    factor: Share = 0.2
    """For ``step``: what the rate is multiplied by each time."""

    warmup: float = Field(0.0, ge=0, lt=1)
    """Share of the training in which the rate rises from near 0 in a straight line; the schedule fills the rest."""


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class RandAugment(Spec):
    """Random operations on images (Cubuk et al. 2020), drawn for each image anew."""

    operations: int = Field(1, ge=1, le=15)
    """N: operations applied to an image, drawn with replacement from 15."""

    magnitude: int = Field(5, ge=1, le=9)
    """M: how strong they are, from 1 to 9."""


class Augment(Spec):
    """Random changes to training images, drawn anew for each image in each epoch."""

    standard: bool = False
    """Crop and flip as is usual for the data set: CIFAR-10 flips, CIFAR-100 crops by 4 pixels and flips, and so on."""

    crop: int = Field(0, ge=0)
    """Pixels of black padding on each side, of which a window of the original size is cut out."""

    flip: bool = False
    """Mirror left and right with probability one half."""

    window: tuple[Share, Annotated[float, Field(gt=0, le=1)]] | None = None
    """Cut a window with a share of the area between these two, and sides of 3:4 to 4:3, and scale it to full size."""

    randaugment: RandAugment | None = None
    """RandAugment after crop and flip."""

    @model_validator(mode="after")
    def _window_in_order(self) -> "Augment":
        if self.window and self.window[0] > self.window[1]:
            raise ValueError(f"window {self.window} has its smaller share second; write it first")
        return self

    def with_standard(self, standard: dict[str, Any]) -> "Augment":
        """Return these changes with the data set's usual ones written out where they are asked for."""
        if not self.standard:
            return self
        return Augment.model_validate(self.document() | standard | {"standard": False})


class Mix(Spec):
    """Blend each image and its label with those of another image of the batch."""

    name: Literal["mixup", "cutmix"]
    """``mixup`` blends all pixels (Zhang et al. 2018); ``cutmix`` puts a box of the other in (Yun et al. 2019)."""

    alpha: float = Field(1.0, gt=0)
    """The share of the image itself is drawn from a Beta distribution with both parameters at this."""


class Swa(Spec):
    """Stochastic weight averaging (Izmailov et al. 2018): further epochs whose weights are averaged."""

    epochs: int = Field(50, ge=1)
    """Epochs after the recipe's own."""

    lr: float = Field(5e-4, gt=0)
    """Learning rate in them, constant, in the recipe's units."""

    every: int = Field(50, ge=1)
    """Steps between two weights that enter the average; a phase with fewer steps takes its last weights."""


class Ema(Spec):
    """An exponential moving average of weights and buffers, which takes the network's place in all evaluations."""

    decay: Share = 0.999
    """Share of the old average that is kept in a step."""


class Recipe(Spec):
    """Everything about a training but the network, the data and the address of its randomness.

    A recipe may be given by name, ``plain`` or ``strong``, or as ``{preset: strong, epochs: 100}``.
    """

    optimizer: Literal["sgd", "adam", "adamw"] = "sgd"
    """``sgd`` with momentum, or ``adam``, both with weight decay as an L2 penalty as in the paper; or ``adamw``, which
    takes the decay from the weights themselves."""

    units: Literal["torch", "decoupled"] = "torch"
    """What ``lr`` and ``weight_decay`` mean. ``torch``: what torch's optimizers take. ``decoupled``: what happens while
    1,024 examples are seen, whatever batch and momentum are: how far a steady gradient moves a weight, and which share
    of it decays."""

    lr: float = Field(0.01, gt=0)
    """Learning rate at its highest."""

    weight_decay: float = Field(5e-4, ge=0)
    """In torch's units, this times the weights is added to the gradient (``adamw``: times the rate taken off them)."""

    momentum: float = Field(0.9, ge=0, lt=1)
    """Momentum of ``sgd``."""

    nesterov: bool = False
    """Whether ``sgd`` looks ahead along its momentum (Nesterov)."""

    batch: int = Field(64, ge=1)
    """Examples in one step."""

    accumulate: int = Field(1, ge=1)
    """Parts in which a batch goes through the network, to save memory; batch statistics are those of a part."""

    epochs: int = Field(150, ge=1)
    """Passes over the labelled examples."""

    schedule: Annotated[Schedule, BeforeValidator(_named)] = Schedule()
    """How the learning rate changes."""

    augment: Augment = Augment()
    """Random changes to training images."""

    mix: Annotated[Mix | None, BeforeValidator(_named)] = None
    """Blends of two examples, ``mixup`` or ``cutmix``."""

    label_smoothing: float = Field(0.0, ge=0, lt=1)
    """Share of each label that is spread over all classes alike."""

    class_weights: Literal["none", "balanced"] = "none"
    """What an example counts in the loss: all the same, or ``balanced``: inversely to how often its class is labelled,
    for imbalanced sets."""

    clip: float | None = Field(None, gt=0)
    """Largest norm of the whole gradient; a longer one is scaled down to it."""

    swa: Swa | None = None
    """Stochastic weight averaging after the last epoch."""

    ema: Ema | None = None
    """An exponential moving average of the weights."""

    init: Literal["scratch", "previous"] = "scratch"
    """Weights to begin with: drawn anew in every cycle, or those that the cycle before ended with."""

    precision: Literal["fp32", "bf16"] = "fp32"
    """``fp32``, or ``bf16`` for layers where it is safe (autocast): faster on hardware that has it, and less exact."""

    @model_validator(mode="before")
    @classmethod
    def _from_preset(cls, value: Any) -> Any:
        fields = {"preset": value} if isinstance(value, str) else value
        if not isinstance(fields, dict) or "preset" not in fields:
            return value
        fields = dict(fields)
        name = fields.pop("preset")
        if name not in PRESETS:
            raise ValueError(f"unknown recipe '{name}'{nearest(str(name), PRESETS)}")
        return merged(PRESETS[name], fields)

    @model_validator(mode="after")
    def _consistent(self) -> "Recipe":
        if self.swa and self.ema:
            raise ValueError("swa and ema are both set, and one average can take the network's place; remove one")
        if self.units == "decoupled" and self.optimizer == "adam" and self.weight_decay:
            raise ValueError(
                "units decoupled cannot say weight_decay of adam, which rescales it; take adamw or weight_decay: 0"
            )
        if self.nesterov and (self.optimizer != "sgd" or not self.momentum):
            raise ValueError("nesterov needs optimizer sgd and momentum above 0; set it to false")
        if self.accumulate > self.batch:
            raise ValueError(f"accumulate {self.accumulate} is above batch {self.batch}; lower it")
        return self

    def for_data(self, standard: dict[str, Any]) -> "Recipe":
        """Return this recipe with the usual augmentation of a data set written out where it is asked for."""
        return self.model_copy(update={"augment": self.augment.with_standard(standard)})

    @property
    def all_epochs(self) -> int:
        """Passes over the labelled examples, those of weight averaging included."""
        return self.epochs + (self.swa.epochs if self.swa else 0)

"""How a network is trained."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from torchal.spec import Spec


class Schedule(Spec):
    """How the learning rate changes in the course of a training."""

    name: Literal["constant", "cosine", "step"] = "constant"
    """``constant``, ``cosine`` down to 0, or ``step``: times ``factor`` at each point of ``at``."""

    at: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.3, 0.6, 0.8)
    """For ``step``: shares of the training after which the rate falls."""

    factor: float = Field(0.2, gt=0, lt=1)
    """For ``step``: what the rate is multiplied by each time."""


def _schedule(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Augment(Spec):
    """Random changes to training images, drawn anew for each image in each epoch."""

    crop: int = Field(0, ge=0)
    """Pixels of black padding on each side, of which a window of the original size is cut out."""

    flip: bool = False
    """Mirror left and right with probability one half."""


class Recipe(Spec):
    """Everything about a training but the network, the data and the address of its randomness."""

    optimizer: Literal["sgd", "adam"] = "sgd"
    """``sgd`` with momentum, or ``adam``; weight decay is an L2 penalty in both, as in the paper."""

    lr: float = Field(0.01, gt=0)
    """Learning rate at the start, as torch's optimizers take it."""

    weight_decay: float = Field(5e-4, ge=0)
    """L2 penalty: this times the weights is added to the gradient."""

    momentum: float = Field(0.9, ge=0, lt=1)
    """Momentum of ``sgd``."""

    batch: int = Field(64, ge=1)
    """Examples in one step."""

    epochs: int = Field(150, ge=1)
    """Passes over the labelled examples."""

    schedule: Annotated[Schedule, BeforeValidator(_schedule)] = Schedule()
    """How the learning rate changes."""

    augment: Augment = Augment()
    """Random changes to training images."""

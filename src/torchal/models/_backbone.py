"""Vision networks in the format of Hugging Face transformers, as two steps that lead from images to features.

No code that comes with a checkpoint is run. Deviations from what transformers does by itself: images are scaled to the
network's size as tensors, bilinearly, without cropping; weights are float32 whatever they were saved as; attention is
computed by plain matrix products, whose gradients are deterministic on every device; and a pooler whose weights the
checkpoint lacks is left out, where transformers would draw it at random.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from math import prod
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from torchal.models._checkpoint import checkpoint_files, library, normalisation, preprocessor
from torchal.rng import seeded


class Adapted(nn.Module):
    """Images as a checkpoint expects them: grey ones with repeated channels, scaled to a size, and normalised."""

    mean: Tensor
    std: Tensor

    def __init__(
        self, channels: int, size: int | list[int] | None, normal: tuple[list[float], list[float]] | None
    ) -> None:
        super().__init__()
        self.channels, self.size = channels, size
        mean, std = (torch.tensor(each)[:, None, None] for each in normal or ([0.0], [1.0]))
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)

    def forward(self, x: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch channels height width"]:
        """Return the images, ready for the network."""
        if x.shape[1] == 1:
            x = x.expand(-1, self.channels, -1, -1)
        if self.size is not None:
            x = nn.functional.interpolate(x, self.size, mode="bilinear")
        return (x - self.mean) / self.std


class Pooled(nn.Module):
    """A network's pooled output if it has one, else the mean of its last layer over tokens or positions."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        scales = "interpolate_pos_encoding" in inspect.signature(network.forward).parameters
        self.options = {"interpolate_pos_encoding": True} if scales else {}

    def forward(self, x: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch width"]:
        """Return one vector an image."""
        output = self.network(pixel_values=x, return_dict=True, **self.options)
        pooled: Tensor | None = output.get("pooler_output")
        if pooled is None:
            last: Tensor = output["last_hidden_state"]
            pooled = last.mean(1) if last.dim() == 3 else last.mean((2, 3))
        return pooled.flatten(1)


@lru_cache(maxsize=1)
def steps(folder: Path, digest: str, size: int | None, shape: tuple[int, ...]) -> tuple[nn.Sequential, int]:  # noqa: ARG001 - the digest is part of the cache's key
    """Return the steps from images of a shape to features, in evaluation mode on the CPU, and the features' width.

    They are kept for the next caller, who must copy what is to be changed or moved.

    Raises:
        ValueError: if the checkpoint is no vision network, is not whole, or cannot take such images.
    """
    with torch.device("cpu"), seeded("backbone"), torch.no_grad():
        network = _loaded(folder)
        result = nn.Sequential(_adapted(folder, network.config, size), Pooled(network)).eval()
        image = torch.linspace(0, 1, prod(shape)).reshape(1, *shape)  # not of one colour, whose parts would be alike
        try:
            first, again = (result(image) for _ in range(2))
        except (RuntimeError, ValueError) as error:
            raise ValueError(
                f"{folder}: cannot take images of shape {shape} ({error}); set size, or choose another."
            ) from error
    if not torch.equal(first, again):
        raise ValueError(f"{folder}: gives one image random features, as masked autoencoders do; choose another.")
    return result, first.shape[1]


def _adapted(folder: Path, config: Any, size: int | None) -> Adapted:
    usual = getattr(config, "image_size", None) or preprocessor(folder).get("size")
    if isinstance(usual, dict):
        usual = usual.get("shortest_edge") or [usual["height"], usual["width"]]
    return Adapted(getattr(config, "num_channels", 3), size or usual, normalisation(folder))


def _loaded(folder: Path) -> Any:
    library()
    checkpoint_files(folder)
    transformers = import_module("transformers")
    with _quiet(transformers.utils.logging):
        network, report = transformers.AutoModel.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            attn_implementation="eager",
            output_loading_info=True,
        )
    if network.main_input_name != "pixel_values":
        raise ValueError(f"{folder}: is no network for images but {type(network).__name__}; choose another.")
    missing = sorted(report["missing_keys"])
    strange = [name for name in missing if not name.startswith("pooler.")]
    if strange:
        raise ValueError(f"{folder}: the checkpoint lacks {', '.join(strange[:3])}; save the whole network.")
    if missing:
        network.pooler = None
    return network.float()


@contextmanager
def _quiet(logging: Any) -> Iterator[None]:
    """Keep transformers from reporting its progress and what it leaves out, which is looked at here."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()

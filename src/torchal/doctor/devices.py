"""What each device is, and whether it computes a training twice to the same bytes."""

import torch

from torchal.data.dataset import Examples, Resident
from torchal.digest import digest_of_bytes
from torchal.doctor.finding import Finding, fail, ok
from torchal.host import device_names
from torchal.models.resnet8 import Resnet8
from torchal.rng import generator
from torchal.show import size
from torchal.training.fit import fit, fresh, keep_best
from torchal.training.recipe import Recipe

_CLASSES, _SIDE, _EXAMPLES = 4, 8, 24
_RECIPE = Recipe.model_validate({"optimizer": "adam", "epochs": 2, "batch": 8, "augment": {"crop": 1, "flip": True}})
_WHERE = ("doctor",)


def looks() -> list[Finding]:
    """Look at each device; on one without accelerators say how torch would see one."""
    found = [look(device) for device in device_names()]
    if len(found) == 1:
        return [*found, _no_accelerator()]
    return found


def look(device: str) -> Finding:
    """Train a small network twice on a device and compare every byte."""
    try:
        first, second = _trained(device), _trained(device)
    except RuntimeError as error:  # what torch raises for whatever does not work on a device
        return fail(device, f"{_described(device)}; a small training fails: {_first_line(error)}", _other(device))
    if first != second:
        return fail(device, f"{_described(device)}; a small training twice gives two results", _other(device))
    return ok(device, f"{_described(device)}; a small training twice gives the same bytes")


def _trained(device: str) -> str:
    """Return the digest of a network with convolutions, batch normalisation and changes to images, once trained."""
    drawn = generator(*_WHERE, "images")
    images = torch.randint(0, 256, (_EXAMPLES, 3, _SIDE, _SIDE), dtype=torch.uint8, generator=drawn)
    labels = torch.arange(_EXAMPLES) % _CLASSES
    rows = torch.arange(_EXAMPLES)
    examples = Examples(Resident(images).to(device), rows.to(device), labels.to(device))
    network = fresh(Resnet8(width=8), (3, _SIDE, _SIDE), _CLASSES, _WHERE).to(device)
    _, weights = keep_best(fit(network, examples, None, _RECIPE, _WHERE, _CLASSES), _RECIPE, network)
    return digest_of_bytes(*(weights[name].cpu().contiguous().numpy() for name in sorted(weights)))


def _described(device: str) -> str:
    if device == "cpu":
        return "the processor"
    facts = torch.cuda.get_device_properties(device)
    half = "bf16" if torch.cuda.get_device_capability(device) >= (8, 0) else "no bf16"
    return f"{facts.name}, {size(facts.total_memory)}, {half}"


def _no_accelerator() -> Finding:
    if torch.version.cuda:
        return ok("cuda", "torch sees no GPU", "if there is one: its driver, and CUDA_VISIBLE_DEVICES")
    return ok("cuda", "this torch knows no GPU", "if there is one: install the build of torch for it")


def _other(device: str) -> str:
    kind = "another --device" if device != "cpu" else "another build of torch"
    return f"use {kind}; results here could not be verified byte for byte"


def _first_line(error: RuntimeError) -> str:
    return str(error).partition("\n")[0]

"""Checkpoints of Hugging Face transformers on disk: where they are, which files count, and what they say of images.

A checkpoint is a folder with ``config.json``, weights in safetensors, and perhaps ``preprocessor_config.json``.
"""

import json
from functools import lru_cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_WHOLE, _INDEX, _SHARDS = "model.safetensors", "model.safetensors.index.json", "model-*.safetensors"
_PREPROCESSOR = "preprocessor_config.json"


def library() -> str:
    """Return the version of transformers, without loading it.

    Raises:
        ValueError: saying how to install it.
    """
    try:
        return version("transformers")
    except PackageNotFoundError as error:
        raise ValueError(
            "model pretrained: needs the package transformers; install it with pip install 'torchal[pretrained]'."
        ) from error


@lru_cache
def fetched(repo: str, revision: str) -> Path:
    """Return the folder of a checkpoint on the hub, from the cache of its library if it is there.

    Raises:
        ValueError: if it can be had from neither.
    """
    wanted = ["config.json", _PREPROCESSOR, _WHOLE, _INDEX, _SHARDS]
    try:
        return Path(import_module("huggingface_hub").snapshot_download(repo, revision=revision, allow_patterns=wanted))
    except Exception as error:  # its network layers raise many kinds, and the remedies are the same
        reason = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}".rstrip(".")
        raise ValueError(
            f"model pretrained: {repo} at {revision} cannot be had from the hub ({reason}); give path: FOLDER with the "
            "checkpoint, or connect to the network once, after which the hub's own cache serves."
        ) from error


def checkpoint_files(folder: Path) -> list[Path]:
    """Return the files of a checkpoint that features depend on.

    Raises:
        ValueError: if the configuration or weights in safetensors are missing.
    """
    weights = [folder / _WHOLE] if (folder / _WHOLE).is_file() else [folder / _INDEX, *sorted(folder.glob(_SHARDS))]
    if not (folder / "config.json").is_file():
        raise ValueError(f"{folder}: there is no config.json; give the folder of a checkpoint of transformers.")
    if not weights[0].is_file():
        raise ValueError(
            f"{folder}: there is no {_WHOLE}, and other formats are not read since they may run code; load the network "
            "where you trust it and save it with save_pretrained."
        )
    told = folder / _PREPROCESSOR
    return [folder / "config.json", *weights, *([told] if told.is_file() else [])]


def normalisation(folder: Path) -> tuple[list[float], list[float]] | None:
    """Return mean and standard deviation that a checkpoint expects to be taken out of images, or None."""
    told = preprocessor(folder)
    if told.get("do_normalize", True) and "image_mean" in told and "image_std" in told:
        return told["image_mean"], told["image_std"]
    return None


def preprocessor(folder: Path) -> dict[str, Any]:
    """Return what a checkpoint says of how images were prepared for it, if anything."""
    file = folder / _PREPROCESSOR
    told: dict[str, Any] = json.loads(file.read_bytes()) if file.is_file() else {}
    return told

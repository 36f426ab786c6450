"""An experiment from a command of TorchAL's."""

import re
from pathlib import Path

from pydantic import ValidationError

from torchal.experiment import ExperimentSpec
from torchal.migrate import buying, problem, training
from torchal.migrate.draft import Draft
from torchal.migrate.given import Given
from torchal.migrate.script import Command
from torchal.spec_file import SpecError

_PARTS = (
    problem.dataset,
    training.model,
    training.transfer,
    buying.strategy,
    problem.partition,
    buying.seed,
    buying.setting,
    training.recipe,
    training.tuning,
    problem.oracle,
)
"""In the order of the file."""


def drafted(command: Command, folder: Path, name: str) -> Draft:
    """Return the experiment that a command asked for; what it does not hold is still to be told.

    Args:
        command: as it stands in the script.
        folder: of the script, from which its configuration is looked for if it is not here.
        name: of the experiment.

    Raises:
        ValueError: if TorchAL would not have known what was asked for.
    """
    draft = Draft(Given(command, folder))
    draft.put("name", named(name))
    try:
        for part in _PARTS:
            part(draft)
    except ValueError as error:
        raise ValueError(f"line {command.line}: {error}") from error
    buying.tidy(draft.document, "model", "strategy", "dataset")
    return draft


def checked(draft: Draft) -> ExperimentSpec:
    """Return the experiment, validated.

    Raises:
        SpecError: naming each field that cannot be.
    """
    try:
        return ExperimentSpec.model_validate(draft.document)
    except ValidationError as error:
        raise SpecError.of(f"line {draft.given.command.line}", error) from None


def named(text: str) -> str:
    """Return text as it can name a folder of results."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).lstrip("._-")
    return name if name not in ("", "store") else "torchal"

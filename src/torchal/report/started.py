"""What an experiment was last asked to do."""

from pathlib import Path

from torchal.records import PlanRecord


def plan_of(results: Path, experiment: str) -> PlanRecord:
    """Return the plan of an experiment.

    Raises:
        ValueError: if it was never started in that folder.
    """
    file = results / experiment / "plan.json"
    if not file.is_file():
        raise ValueError(
            f"{results / experiment}: nothing was started there; start it with torchal run, or name another folder by "
            "--results."
        )
    return PlanRecord.read(file)

"""How far an experiment is, from its records."""

from pathlib import Path
from typing import Any

from rich.table import Table

from torchal.records import RunRecord, StageName
from torchal.report.started import plan_of


def read(results: Path, experiment: str) -> dict[str, Any]:
    """Return how far each run of an experiment is, as JSON values.

    Raises:
        ValueError: if it was never started in that folder.
    """
    folder = results / experiment
    plan = plan_of(results, experiment)
    runs = [_run(folder, planned.id, planned.stages) for planned in plan.runs]
    return {
        "experiment": plan.experiment,
        "cycles": plan.cycles,
        "finished": sum(run["finished"] for run in runs),
        "runs": runs,
    }


def _run(folder: Path, name: str, stages: tuple[tuple[int, StageName], ...]) -> dict[str, Any]:
    file, failure = folder / "runs" / f"{name}.json", folder / "failures" / f"{name}.txt"
    record = RunRecord.read(file) if file.is_file() else None
    done = {(cycle.cycle, stage) for cycle in record.cycles for stage in cycle.keys} if record else set()
    accuracies = [cycle.test.accuracy for cycle in record.cycles if cycle.test is not None] if record else []
    return {
        "id": name,
        "finished": record is not None and record.finished,
        "done": len(done),
        "stages": len(stages),
        "next": next((f"cycle {cycle} {stage}" for cycle, stage in stages if (cycle, stage) not in done), None),
        "test_accuracy": accuracies,
        "failure": failure.read_text().strip().splitlines()[-1] if failure.is_file() else None,
    }


def table(answer: dict[str, Any]) -> Table:
    """Return it for the terminal."""
    shown = Table("run", "stages", "next", "test accuracy by cycle (%)")
    shown.title = f"{answer['experiment']}: {answer['finished']} of {len(answer['runs'])} runs finished"
    for run in answer["runs"]:
        accuracy = "  ".join(f"{100 * value:.1f}" for value in run["test_accuracy"])
        state = f"[red]{run['failure']}[/red]" if run["failure"] else run["next"] or "[green]finished[/green]"
        shown.add_row(run["id"], f"{run['done']}/{run['stages']}", state, accuracy)
    return shown

"""Verbs that compute: an experiment, what it would take, what is recomputed."""

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from torchal import show
from torchal.cli.arguments import (
    DEFAULT_RESULTS,
    AsJson,
    Device,
    Devices,
    Every,
    Experiment,
    Files,
    Jobs,
    Mixed,
    On,
    Overrides,
    Results,
    Threads,
    read_experiment,
)

if TYPE_CHECKING:
    from torchal.experiment import ExperimentSpec
    from torchal.host import Host
    from torchal.report.reproduction import Reproduction


def plan(
    spec: Experiment,
    results: Results = DEFAULT_RESULTS,
    overrides: Overrides = None,
    files: Files = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Show runs and stages, what exists, what is missing, and what that will cost."""
    from torchal.host import Host
    from torchal.launch import planned

    experiment = read_experiment(spec, overrides, files)
    answer = planned(experiment, Host(results, device=device))
    if as_json:
        show.print_json(answer)
        return
    console = Console()
    console.print(f"[bold]{experiment.name}[/bold]: {len(answer['runs'])} runs; results in {results / experiment.name}")
    if answer["about"]:
        console.print(show.about(answer["about"]), highlight=False)
    console.print(show.axes(answer))
    console.print(show.runs(answer["runs"]))
    console.print(show.stages(answer["stages"]))
    for warning in answer["warnings"]:
        console.print(f"[yellow]note:[/yellow] {show.escaped(warning)}", highlight=False)
    if not any(row["missing"] for row in answer["stages"].values()):
        console.print(f"Everything exists. See it: torchal report {results / experiment.name}", soft_wrap=True)
        return
    missing = f"{show.duration(answer['seconds'])} of one worker is missing ({show.operations(answer['flops'])}"
    console.print(f"About {missing}, without pruning). Nothing was computed.")


def run(
    spec: Experiment,
    results: Results = DEFAULT_RESULTS,
    overrides: Overrides = None,
    files: Files = None,
    jobs: Jobs = None,
    threads: Threads = 1,
    device: Devices = "cpu",
    on: On = None,
    checkpoint_every: Every = 25,
    mixed: Mixed = False,
    as_json: AsJson = False,
) -> None:
    """Compute whatever an experiment lacks. Stop it whenever you like: called again, it goes on."""
    options = {"files": tuple(files or ()), "mixed": mixed, "threads": threads, "checkpoint_every": checkpoint_every}
    _compute(read_experiment(spec, overrides, files), results, options, device, jobs, on, as_json=as_json)


def replay(
    manifest: Annotated[Path, typer.Argument(metavar="MANIFEST", help="What torchal export index wrote, or the like.")],
    name: Annotated[str | None, typer.Option(help="Name of the folder of results.")] = None,
    results: Results = DEFAULT_RESULTS,
    overrides: Overrides = None,
    jobs: Jobs = None,
    threads: Threads = 1,
    device: Devices = "cpu",
    on: On = None,
    checkpoint_every: Every = 25,
    mixed: Mixed = False,
    as_json: AsJson = False,
) -> None:
    """Train cycle by cycle on index sets, whoever chose them: those of a manifest that lies beside its files."""
    from torchal.replay import replay as replayed

    options = {"mixed": mixed, "threads": threads, "checkpoint_every": checkpoint_every}
    _compute(replayed(manifest, name, tuple(overrides or ())), results, options, device, jobs, on, as_json=as_json)


def verify(
    spec: Annotated[
        Path, typer.Argument(metavar="SPEC|CARD", help="The experiment's YAML file, or a card, which ends in .json.")
    ],
    results: Annotated[
        Path | None,
        typer.Option(
            envvar="TORCHAL_RESULTS",
            help="Folder of results; of a card, where to compute, by default a folder that is removed again.",
            rich_help_panel="Where",
        ),
    ] = None,
    overrides: Overrides = None,
    files: Files = None,
    run_id: Annotated[
        str | None, typer.Option("--run", help="The run to recompute: the start of its id; default the first.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Recompute every run.")] = False,
    sample: Annotated[
        int, typer.Option(min=1, help="Of a card: runs to recompute, and random's beside them.", rich_help_panel="Card")
    ] = 3,
    draw: Annotated[int, typer.Option(help="Of a card: another number draws other runs.", rich_help_panel="Card")] = 0,
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Of a card, under another fingerprint: points by which a test accuracy may be off; by default about "
            "what its own seeds differ by.",
            rich_help_panel="Card",
        ),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads, as when the results were computed.")] = 1,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Recompute runs of an experiment, or of somebody's card, and compare what comes out."""
    from torchal.host import Host
    from torchal.progress import recomputed
    from torchal.verify import verify as recompute

    host = Host(results or DEFAULT_RESULTS, threads=threads, device=device, files=tuple(files or ()))
    if spec.suffix == ".json":
        if run_id is not None:
            raise ValueError(f"--run {run_id}: runs of a card are drawn; say --sample, --draw or --all.")
        chosen = {"sample": None if every else sample, "draw": draw, "tolerance": tolerance}
        with recomputed() as hear:
            answer: Any = _reproduced(spec, host, overrides, temporary=results is None, listener=hear, **chosen)
        passed = answer.passed
    else:
        experiment = read_experiment(spec, overrides, files)
        with recomputed() as hear:
            answer = recompute(experiment, host, run_id, every=every, listener=hear)
        passed = answer.same
    if as_json:
        show.print_json(answer.document())
    else:
        Console().print(answer.table())
        Console().print(answer.sentence, highlight=False)
    if not passed:
        raise typer.Exit(1)


def _compute(
    experiment: "ExperimentSpec",
    results: Path,
    options: dict[str, Any],
    device: str,
    jobs: int | None,
    on: str | None,
    *,
    as_json: bool,
) -> None:
    """Carry out an experiment, show how it goes, and end with code 1 if a run failed."""
    from torchal.engines import Engine, named
    from torchal.host import Host
    from torchal.launch import run_experiment
    from torchal.progress import shown

    engine: Engine | None = named(on) if on else None
    devices = tuple(device.split(","))
    jobs = jobs or _jobs(devices, options["threads"])
    host = Host(results, jobs=jobs, device=devices[0], devices=devices, **options)
    said = "Stopped. Everything finished is kept; the same command goes on."
    with show.interruptible(said), shown(experiment.name) as watch:
        failures = run_experiment(experiment, host, watch, engine)
    if as_json:
        show.print_json({"experiment": experiment.name, "failures": [vars(each) for each in failures]})
    for failure in failures:
        place = results / experiment.name / "failures" / f"{failure.run}.txt"
        message = f"{failure.run}, cycle {failure.cycle}, {failure.stage}: {failure.error} (traceback: {place})"
        Console(stderr=True).print(f"[red]failed:[/red] {show.escaped(message)}", soft_wrap=True)
    if failures:
        raise typer.Exit(1)
    if not as_json and os.environ.get("RANK", "0") == "0":
        folder = results / experiment.name
        Console().print(f"Finished. See it: torchal report {folder}", highlight=False, soft_wrap=True)


def _jobs(devices: tuple[str, ...], threads: int) -> int:
    """Return how many processes keep the processors busy and no busier, or one for each accelerator."""
    from torchal.host import cores

    if "WORLD_SIZE" in os.environ:
        return 1
    return max(1, cores() // threads) if devices == ("cpu",) else len(devices)


def _reproduced(
    path: Path, host: "Host", overrides: list[str] | None, *, temporary: bool, **chosen: Any
) -> "Reproduction":
    """Compute runs of a card, of which files of code are loaded and dotted names may be imported."""
    from torchal.report.card import Card
    from torchal.reproduce import reproduce

    named = [str(each) for each in host.files if each.suffix != ".py"]
    host = replace(host, files=tuple(each for each in host.files if each.suffix == ".py"))
    with tempfile.TemporaryDirectory(prefix="torchal-verify-") as folder:
        place = replace(host, results=Path(folder)) if temporary else host
        return reproduce(Card.read(path), place, overrides=overrides or (), named=named, **chosen)

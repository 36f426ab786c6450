"""The verbs. Each reads its arguments, calls one function of another room and shows what comes back.

Rooms are imported inside the verbs, so that ``torchal --help`` answers at once and ``status`` and ``report`` do without
torch.
"""

import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from torchal import show

if TYPE_CHECKING:
    from torchal.experiment import ExperimentSpec
    from torchal.host import Host
    from torchal.report.reproduction import Reproduction

app = typer.Typer(
    name="torchal",
    help="Reproducible deep active learning: plan an experiment, run it, stop it, go on, report it, verify it.\n\n"
    "Start with: torchal run experiments/quickstart.yaml, then torchal report experiments/quickstart.yaml.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    rich_markup_mode="rich",
)

Experiment = Annotated[Path, typer.Argument(metavar="SPEC", help="The experiment's YAML file.")]
Finished = Annotated[
    Path, typer.Argument(metavar="SPEC", help="The experiment's YAML file, or its folder, such as results/quickstart.")
]
Results = Annotated[Path, typer.Option(envvar="TORCHAL_RESULTS", help="Folder of results.", rich_help_panel="Where")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="A.B=C", help="Replace a field of the spec; may be repeated.")
]
Files = Annotated[
    list[Path] | None,
    typer.Option("--with", metavar="FILE.py", help="Load a plug-in from a file; a strategy joins the comparison."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Device = Annotated[str, typer.Option(help="Where to compute: cpu, cuda or cuda:1.", rich_help_panel="How")]
Devices = Annotated[
    str, typer.Option(help="Where to compute: cpu, cuda, cuda:1, or several: cuda:0,cuda:1.", rich_help_panel="How")
]
Jobs = Annotated[
    int | None,
    typer.Option(
        min=1, help="Processes side by side; default one for each --threads cores or device.", rich_help_panel="How"
    ),
]
On = Annotated[
    str | None,
    typer.Option(
        "--on",
        metavar="ENGINE",
        help="Who computes: here, processes, ray or slurm, with options such as '{name: slurm, minutes: 90}'; "
        "torchal list engines tells them.",
        rich_help_panel="How",
    ),
]
Threads = Annotated[
    int, typer.Option(min=1, help="Threads of each process; part of the fingerprint.", rich_help_panel="How")
]
Every = Annotated[
    int, typer.Option(min=0, help="Epochs between checkpoints of a training; 0: none.", rich_help_panel="How")
]
Mixed = Annotated[
    bool, typer.Option("--mixed", help="Accept and record another machine or version.", rich_help_panel="Where")
]

Matrix = Annotated[
    Path | None, typer.Option(metavar="FILE.npy", help="A row for every example.", rich_help_panel="What is known")
]

DEFAULT_RESULTS = Path("results")


def main() -> None:
    """Run the command line; a fault in what was asked ends with one sentence and exit code 2."""
    try:
        app()
    except (ValueError, OSError) as error:
        Console(stderr=True).print(f"[red]error:[/red] {show.escaped(str(error))}", soft_wrap=True)
        sys.exit(2)


@app.command()
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

    experiment = _experiment(spec, overrides, files)
    answer = planned(experiment, Host(results, device=device))
    if as_json:
        show.print_json(answer)
        return
    console = Console()
    console.print(f"[bold]{experiment.name}[/bold]: {len(answer['runs'])} runs; results in {results / experiment.name}")
    console.print(show.axes(answer))
    console.print(show.runs(answer["runs"]))
    console.print(show.stages(answer["stages"]))
    for warning in answer["warnings"]:
        console.print(f"[yellow]note:[/yellow] {show.escaped(warning)}", highlight=False)
    console.print(
        f"About {show.duration(answer['seconds'])} of one worker is missing (without pruning). Nothing was computed."
    )


@app.command()
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
    _compute(_experiment(spec, overrides, files), results, options, device, jobs, on, as_json=as_json)


@app.command()
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


@app.command()
def status(
    spec: Finished,
    results: Results = DEFAULT_RESULTS,
    cost: Annotated[
        bool, typer.Option("--cost", help="Show what the results cost: trials, epochs, operations, seconds, energy.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it anew every two seconds, until all is done or you press Ctrl-C.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show how far each run is, what is being computed, how long it will take, and what it cost."""
    from torchal.report.status import read
    from torchal.report.status_view import board

    results, name = _found(spec, results)
    if watch:
        show.followed(lambda: read(results, name), board, lambda answer: answer["done"] >= answer["stages"])
        return
    answer = read(results, name)
    shown: list[Any] = [board(answer)]
    if cost:
        from torchal.report import costs, ledger

        paid = ledger.ledger_of(results, name)
        answer["cost"] = costs.document(paid)
        shown += costs.shown(paid)
    if as_json:
        show.print_json(answer)
    else:
        Console().print(*shown, sep="\n")


@app.command()
def report(
    specs: Annotated[list[Path], typer.Argument(metavar="SPEC...", help="The experiment's YAML file or its folder.")],
    results: Results = DEFAULT_RESULTS,
    figures: Annotated[
        str | None,
        typer.Option(metavar="FORMATS", help="Write each figure as a file too: png, svg, pdf, some of them, or all."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say whether any strategy beats random: a table here, a page and CSV and parquet files beside the results.

    Several experiments of one folder of results are reported together: runs that were made alike are compared.
    """
    from torchal.report import page, static

    formats = static.formats(figures) if figures else ()
    found = [_found(spec, results) for spec in specs]
    if len({folder.resolve() for folder, _ in found}) > 1:
        raise ValueError("SPEC: the experiments lie in different folders of results; report those of one together.")
    written = page.report(found[0][0], *dict.fromkeys(name for _, name in found), formats=formats)
    place, verdict = written.page, written.verdict
    if as_json:
        show.print_json({"page": str(place), **verdict.document()})
        return
    console = Console()
    console.print(verdict.table())
    console.print(verdict.sentence, highlight=False)
    console.print(f"Report: {place}", highlight=False, soft_wrap=True)


@app.command()
def claim(
    text: Annotated[str, typer.Argument(metavar="CLAIM", help="Such as 'badge > random by 1.0 at 20% on cifar10'.")],
    spec: Finished,
    results: Results = DEFAULT_RESULTS,
    as_json: AsJson = False,
) -> None:
    """Hold a claim against results: exit code 0 if it is supported, 1 if refuted, 3 if undecided.

    Say 'A > B', 'A > B by 1.0' (points), 'A = B within 0.5'; add 'at 20%' or 'at 160' labels, and 'on DATASET with
    MODEL'. Without a budget, the area under the budget curve is meant.
    """
    from torchal.report import claim as claims
    from torchal.report.frame import read

    findings = claims.judged(claims.Claim.read(text), read(*_found(spec, results)))
    if as_json:
        show.print_json(claims.document(text, findings))
    else:
        for finding in findings:
            Console().print(show.escaped(f"{finding.sentence[:1].upper()}{finding.sentence[1:]}"), highlight=False)
    raise typer.Exit({"supported": 0, "refuted": 1, "undecided": 3}[claims.decision(findings)])


@app.command()
def check(
    spec: Finished,
    results: Results = DEFAULT_RESULTS,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 if a recommendation is not followed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Hold an experiment, or its results, against what the paper and later critical work recommend."""
    from torchal.report import check as checks
    from torchal.report.findings import findings

    folder, name = _found(spec, results)
    started = (folder / name / "plan.json").is_file()
    found = findings(folder, name) if started else None
    document = found.experiment.plan.protocol if found else _experiment(spec, None, None).document()
    answers = checks.checked(document, found)
    if as_json:
        show.print_json(checks.document(answers))
    else:
        Console().print(checks.table(answers))
        Console().print(checks.sentence(answers), highlight=False)
    raise typer.Exit(1 if strict and any(each.outcome == "fail" for each in answers) else 0)


@app.command()
def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="A strategy, as reports call it.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    spec: Finished,
    results: Results = DEFAULT_RESULTS,
    as_json: AsJson = False,
) -> None:
    """Compare two strategies on paired runs, at each budget and over all of it."""
    from torchal.report import duel
    from torchal.report.frame import read

    found = duel.differences(read(*_found(spec, results)), first, second)
    if as_json:
        show.print_json(found.astype(object).where(found.notna(), None).to_dict(orient="records"))
    else:
        Console().print(duel.table(found, first, second))


@app.command()
def card(spec: Finished, results: Results = DEFAULT_RESULTS, as_json: AsJson = False) -> None:
    """Write an experiment as one file that others can check: its spec, scores, chosen rows and cost."""
    from torchal.report import carded

    place, written = carded.write(*_found(spec, results))
    if as_json:
        show.print_json({"card": str(place), "digest": written.digest, "queries_without_rows": written.unknown})
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"Card: {place} ({len(written.runs)} runs, {place.stat().st_size:,} bytes)")
    if written.unknown:
        console.print(f"[yellow]note:[/yellow] the store lacks {written.unknown} queries, so their rows are not in it.")
    console.print(f"Check it:  torchal verify {show.escaped(str(place))}")


@app.command()
def leaderboard(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with cards, at any depth.")],
    to: Annotated[Path, typer.Option("--to", help="Folder to write the site into.")] = Path("site"),
) -> None:
    """Write a site of static files from cards alone: who beats random, how surely, and how to check it."""
    from torchal.report.leaderboard import write

    Console(highlight=False).print(f"Leaderboard: {write(folder, to)}", soft_wrap=True)


@app.command()
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
    from torchal.verify import verify as recompute

    host = Host(results or DEFAULT_RESULTS, threads=threads, device=device, files=tuple(files or ()))
    if spec.suffix == ".json":
        if run_id is not None:
            raise ValueError(f"--run {run_id}: runs of a card are drawn; say --sample, --draw or --all.")
        chosen = {"sample": None if every else sample, "draw": draw, "tolerance": tolerance}
        answer: Any = _reproduced(spec, host, overrides, temporary=results is None, **chosen)
        passed = answer.passed
    else:
        answer = recompute(_experiment(spec, overrides, files), host, run_id, every=every)
        passed = answer.same
    if as_json:
        show.print_json(answer.document())
    else:
        Console().print(answer.table())
        Console().print(answer.sentence, highlight=False)
    if not passed:
        raise typer.Exit(1)


@app.command(name="list")
def list_(
    kind: Annotated[str, typer.Argument(help="strategies, models, datasets or engines.")], as_json: AsJson = False
) -> None:
    """List strategies, models, data sets or engines: name, summary, source and parameters."""
    from torchal.catalogue import listed

    entries = listed(kind)
    if as_json:
        show.print_json(entries)
        return
    table = Table("name", "what it does", "parameters")
    for entry in entries:
        parameters = ", ".join(f"{name}={value['default']!r}" for name, value in entry["parameters"].items())
        table.add_row(entry["name"], show.escaped(entry["summary"]), show.escaped(parameters))
    Console().print(table)


@app.command()
def select(
    strategy: Annotated[str, typer.Option(help="Name of the strategy; torchal list strategies shows them.")],
    budget: Annotated[int, typer.Option(min=1, help="How many rows to choose.")],
    embeddings: Matrix = None,
    probabilities: Matrix = None,
    logits: Matrix = None,
    mc_probabilities: Matrix = None,
    committee_probabilities: Matrix = None,
    previous_probabilities: Matrix = None,
    inputs: Matrix = None,
    labelled: Annotated[Path | None, typer.Option(metavar="FILE.npy", help="Rows that are labelled already.")] = None,
    labels: Annotated[Path | None, typer.Option(metavar="FILE.npy", help="Their labels, in that order.")] = None,
    options: Annotated[
        list[str] | None, typer.Option("--set", metavar="OPTION=VALUE", help="Set an option of the strategy.")
    ] = None,
    files: Files = None,
    seed: Annotated[int, typer.Option(help="Of whatever the strategy draws.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.csv", help="Where to write; else they are printed.")
    ] = None,
) -> None:
    """Choose rows to label from arrays in files, without an experiment.

    Each file has a row for every example, labelled or not. All rows but the labelled ones are the pool.
    """
    from torchal.selection import select_files
    from torchal.spec import load_file

    arrays = {
        "embeddings": embeddings,
        "probabilities": probabilities,
        "logits": logits,
        "mc_probabilities": mc_probabilities,
        "committee_probabilities": committee_probabilities,
        "previous_probabilities": previous_probabilities,
        "inputs": inputs,
        "labelled": labelled,
        "labels": labels,
    }
    for file in files or ():
        load_file(file)
    chosen = select_files(strategy, tuple(options or ()), {k: v for k, v in arrays.items() if v}, budget, seed)
    lines = "".join(f"{row}\n" for row in chosen.tolist())
    if output is None:
        sys.stdout.write(lines)
        return
    try:
        with output.open("x", encoding="utf-8") as picks:
            picks.write(f"row\n{lines}")
    except FileExistsError:
        raise ValueError(f"{output}: exists already; choose another name for -o, or remove it.") from None
    Console().print(f"{len(chosen)} rows, first choice first, are in {output}.", highlight=False)


@app.command()
def new(
    kind: Annotated[str, typer.Argument(help="What to write: strategy.")],
    name: Annotated[str, typer.Argument(help="Its name: lower-case letters, digits and underscores.")],
    folder: Annotated[Path, typer.Option("--to", help="Where to write it.")] = Path(),
) -> None:
    """Write a strategy that works at once, for you to change."""
    from torchal.scaffold import write_new

    place = write_new(kind, name, folder)
    console = Console(highlight=False)
    console.print(f"Wrote {place}.")
    console.print(f"Check it:  python -m torchal.testing {place}")
    console.print(f"Run it:    torchal run SPEC --with {place}")


@app.command()
def export(
    what: Annotated[
        str,
        typer.Argument(help="What to export: index (labelled, pool, validation, queried rows), model, or studies."),
    ],
    spec: Experiment,
    folder: Annotated[Path, typer.Option("--to", help="Where to write it.")],
    results: Results = DEFAULT_RESULTS,
    overrides: Overrides = None,
    files: Files = None,
    run_id: Annotated[
        str | None, typer.Option("--run", help="For model: the start of a run's id; default the first run.")
    ] = None,
    cycle: Annotated[
        int | None, typer.Option(min=0, help="For model: the cycle, from 0; default the last finished.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write rows as .npy files that TorchAL reads too, a network that plain torch loads, or searches for Optuna."""
    match what:
        case "index" if run_id is None and cycle is None:
            from torchal.export import export_index

            written = export_index(_experiment(spec, overrides, files), results, folder)
        case "model":
            from torchal.export_model import export_model

            written = export_model(_experiment(spec, overrides, files), results, folder, run_id, cycle)
        case "studies" if run_id is None and cycle is None:
            from torchal.export_studies import export_studies

            written = export_studies(*_found(spec, results), folder)
        case "index" | "studies":
            raise ValueError(f"export {what}: writes every run and cycle; --run and --cycle belong to export model.")
        case _:
            raise ValueError(
                f"export {what}: say torchal export index, torchal export model or torchal export studies."
            )
    if as_json:
        show.print_json([str(place) for place in written])
    else:
        Console(highlight=False).print(f"Wrote {len(written)} files below {folder}.")


@app.command()
def gc(
    results: Results = DEFAULT_RESULTS,
    delete: Annotated[bool, typer.Option("--delete", help="Remove them; without it they are only listed.")] = False,
    even_unfinished: Annotated[
        bool, typer.Option(help="Remove them though an experiment is not finished and may have gone on from them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List entries of the store that no experiment refers to, and remove them if you say so."""
    from torchal import housekeeping

    found = housekeeping.unused(results)
    if delete and found.unfinished and not even_unfinished:
        raise ValueError(
            f"{', '.join(found.unfinished)}: not finished, and may go on from entries that no record names yet; let it "
            "finish, remove its folder, or say --even-unfinished"
        )
    if delete:
        housekeeping.remove(results, found)
    if as_json:
        show.print_json([str(entry) for entry in found.entries])
    else:
        Console(highlight=False, soft_wrap=True).print(show.escaped(found.said(removed=delete)))


store_app = typer.Typer(help="Look after the store of a folder of results.", no_args_is_help=True)
app.add_typer(store_app, name="store")


@store_app.command("check")
def store_check(results: Results = DEFAULT_RESULTS, as_json: AsJson = False) -> None:
    """Compare every file of every entry with its digest; exit code 1 if one was changed."""
    from torchal import housekeeping

    with show.counted("checking") as heard:
        found = housekeeping.check(results, heard)
    if as_json:
        show.print_json(vars(found))
    else:
        Console(highlight=False, soft_wrap=True).print(show.escaped(found.said))
    raise typer.Exit(1 if found.faults else 0)


@store_app.command("sync")
def store_sync(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A folder of results.")],
    target: Annotated[Path, typer.Argument(metavar="DST", help="The folder of results that is to have them too.")],
    mixed: Mixed = False,
    as_json: AsJson = False,
) -> None:
    """Copy entries from one store into another, so that parts of an experiment can be computed in several places.

    torchal run in DST then finds them there and writes the records.
    """
    from torchal import housekeeping

    with show.counted("copying") as heard:
        found = housekeeping.sync(source, target, mixed=mixed, heard=heard)
    if as_json:
        show.print_json(vars(found))
    else:
        Console(highlight=False, soft_wrap=True).print(show.escaped(found.said))
    raise typer.Exit(1 if found.faults else 0)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.", is_eager=True)] = False,
) -> None:
    if version:
        from torchal import __version__

        typer.echo(__version__)
        raise typer.Exit


# --- reading and showing ----------------------------------------------------------------------------------------------


def _experiment(spec: Path, overrides: list[str] | None, files: list[Path] | None) -> "ExperimentSpec":
    """Read an experiment, to which strategies from files are added."""
    from torchal.experiment import ExperimentSpec
    from torchal.query import Strategy
    from torchal.spec import load_file

    loaded = [load_file(file) for file in files or ()]
    extra = tuple(each.plugin_name() for each in loaded if issubclass(each, Strategy))
    return ExperimentSpec.read(spec, tuple(overrides or ()), extra)


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
    if "WORLD_SIZE" in os.environ:
        return 1
    return max(1, _cores() // threads) if devices == ("cpu",) else len(devices)


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


def _cores() -> int:
    """Return how many processors this process may use, where the system tells, else how many there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _found(spec: Path, results: Path) -> tuple[Path, str]:
    """Return the folder of results and the name of an experiment, given by its YAML file or its own folder of results.

    The rest of the spec is not validated, which would load torch.
    """
    from torchal.spec import read_yaml

    if spec.is_dir():
        return spec.resolve().parent, spec.resolve().name
    name = read_yaml(spec).get("name")
    if not isinstance(name, str):
        raise ValueError(f"{spec}: name: the experiment needs a name, which is the name of its folder of results.")
    return results, name


if __name__ == "__main__":
    main()

"""Arguments that several verbs have, each described once, and how an experiment is read from them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from torchal.experiment import ExperimentSpec

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
    bool,
    typer.Option(
        "--mixed", help="Accept and record another machine, version or content of the data.", rich_help_panel="Where"
    ),
]
Matrix = Annotated[
    Path | None, typer.Option(metavar="FILE.npy", help="A row for every example.", rich_help_panel="What is known")
]
DEFAULT_RESULTS = Path("results")


def read_experiment(spec: Path, overrides: list[str] | None, files: list[Path] | None) -> "ExperimentSpec":
    """Read an experiment, to which strategies from files are added."""
    from torchal.experiment import ExperimentSpec
    from torchal.query import Strategy
    from torchal.spec import load_file

    loaded = [load_file(file) for file in files or ()]
    extra = tuple(each.plugin_name() for each in loaded if issubclass(each, Strategy))
    return ExperimentSpec.read(spec, tuple(overrides or ()), extra)


def find(spec: Path, results: Path) -> tuple[Path, str]:
    """Return the folder of results and the name of an experiment, given by its YAML file or its own folder of results.

    The rest of the spec is not validated, which would load torch.
    """
    from torchal.spec_file import read_yaml

    if spec.is_dir():
        return spec.resolve().parent, spec.resolve().name
    name = read_yaml(spec).get("name")
    if not isinstance(name, str):
        raise ValueError(f"{spec}: name: the experiment needs a name, which is the name of its folder of results.")
    return results, name

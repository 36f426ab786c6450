"""An experiment computed and read in a notebook: one call, and an answer with its verdict, tables and figures.

What the command line writes and what is computed here are the same files: either goes on where the other stopped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from torchal.experiment import ExperimentSpec
from torchal.host import Host
from torchal.launch import run_experiment
from torchal.report import certainty, check, claim, figures, forest, page, static
from torchal.report.figures import Figure
from torchal.report.findings import Findings, findings
from torchal.spec import load_file
from torchal.spec_file import SpecError

_DOTS = 110
"""Dots of an inch of a picture on a screen."""


@dataclass(frozen=True)
class Picture:
    """A figure of a report that a notebook shows as it stands."""

    figure: Figure

    def __repr__(self) -> str:
        return f"<picture: {self.figure.caption}>"

    def _repr_png_(self) -> bytes:
        return static.png(self.figure, _DOTS)


@dataclass(frozen=True)
class Outcome:
    """A computed experiment, and what it says."""

    experiment: ExperimentSpec
    results: Path
    """The folder of results."""

    @cached_property
    def findings(self) -> Findings:
        """All that is known of it, for the functions of :mod:`torchal.report`."""
        return findings(self.results, self.experiment.name)

    @property
    def sentence(self) -> str:
        """The verdict in words: a line for each data set, network and condition, and what conditions change."""
        return page.verdict_of(self.findings).sentence

    @property
    def table(self) -> pd.DataFrame:
        """Everything measured: a row for each run, cycle, side and metric."""
        return self.findings.table

    @property
    def summary(self) -> pd.DataFrame:
        """A row for each strategy: area under the budget curve, difference from random, interval, verdict."""
        return self.findings.summary

    @property
    def certainty(self) -> pd.DataFrame:
        """A row for each strategy: other intervals and tests, equivalence, and replications needed."""
        return certainty.certainty(self.findings.compared)

    @property
    def curves(self) -> list[Picture]:
        """Learning curves, a picture for each data set, network and condition."""
        return [Picture(each) for each in figures.learning_curves(self.findings.kept, self.findings.style)]

    @property
    def differences(self) -> dict[str, Picture]:
        """Paired differences from random, a picture for each strategy; where there are conditions, for each of them."""
        panels = figures.difference_panels(self.findings.compared, self.findings.style)
        return {
            f"{figure.caption}, {where}" if len(panels) > 1 else figure.caption: Picture(figure)
            for where, drawn in panels
            for figure in drawn
        }

    @property
    def forest(self) -> list[Picture]:
        """Each replication's difference from random and their mean, for each data set, network and condition."""
        return [Picture(each.figure) for each in forest.told(self.findings.compared, self.findings.style)]

    def claim(self, text: str) -> str:
        """Return what the results say of a claim such as ``"margin > random by 1.0"``, in words.

        Raises:
            ValueError: if it is none, or is about what is not there.
        """
        return "\n".join(each.sentence for each in claim.judged(claim.Claim.read(text), self.findings.experiment))

    def check(self) -> pd.DataFrame:
        """Return how the protocol compares with what is recommended, a row for each rule."""
        answers = check.checked(self.findings.experiment.plan.protocol, self.findings)
        return pd.DataFrame(check.document(answers), columns=["rule", "outcome", "reason", "source"])

    def report(self) -> Path:
        """Write the page and its tables, and return the page's path."""
        return page.write(self.results, self.experiment.name)


def compute(
    experiment: ExperimentSpec | Mapping[str, Any] | Path | str,
    results: Path | str = "results",
    *,
    jobs: int = 1,
    device: str = "cpu",
    files: Sequence[Path | str] = (),
) -> Outcome:
    """Compute whatever an experiment lacks, and return what it says; what is there already is not computed again.

    Args:
        experiment: the fields of its YAML file as a mapping, the path of such a file, or a spec.
        results: the folder of results.
        jobs: processes that compute side by side.
        device: what they compute on.
        files: Python files with strategies and other plug-ins, which the experiment may then name.

    Raises:
        ValueError: naming each field that is wrong, or the experiment asks for what cannot be.
        RuntimeError: if runs failed; the others are kept.
    """
    plugins = tuple(Path(file) for file in files)
    for file in plugins:
        load_file(file)
    spec, folder = _spec(experiment), Path(results)
    failures = run_experiment(spec, Host(folder, jobs=jobs, device=device, files=plugins))
    if failures:
        first = failures[0]
        raise RuntimeError(
            f"{len(failures)} of the runs of {spec.name} failed, first {first.run} in cycle {first.cycle}, "
            f"{first.stage}: {first.error}; tracebacks lie in {folder / spec.name / 'failures'}."
        )
    return Outcome(spec, folder)


def _spec(asked: ExperimentSpec | Mapping[str, Any] | Path | str) -> ExperimentSpec:
    if isinstance(asked, ExperimentSpec):
        return asked
    if isinstance(asked, Path | str):
        return ExperimentSpec.read(Path(asked))
    try:
        return ExperimentSpec.model_validate(dict(asked))
    except ValidationError as error:
        raise SpecError.of("experiment", error) from None

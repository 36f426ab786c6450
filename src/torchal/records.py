"""What the program writes to disk, as types. Reports are made from these alone."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

StageName = Literal["start", "tune", "fit", "measure", "query"]


class Record(BaseModel):
    """A frozen value that the program writes and reads back."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a record from its JSON file.

        Raises:
            ValueError: if the file is not such a record.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            place = ".".join(map(str, fault["loc"])) or "the file"
            raise ValueError(
                f"{path}: {place}: {fault['msg']}; it was damaged or written by another version of torchal: remove it, "
                "or name another --results folder."
            ) from error

    def text(self) -> str:
        """Return the JSON text that is written."""
        return self.model_dump_json(indent=1) + "\n"


class Scores(Record):
    """How well a network predicts some examples."""

    examples: int
    accuracy: float
    """Share of correct predictions, 0 to 1."""
    nll: float | None
    """Mean negative log-likelihood in nats; None where it is not finite."""
    ece: float | None
    """Expected calibration error, 15 equal-width bins, 0 to 1; None where predictions are not finite."""
    per_class: tuple[float | None, ...]
    """Accuracy on each class; None for a class without examples."""
    balanced_accuracy: float
    """Mean of the accuracies on the classes that have examples (Brodersen et al. 2010)."""
    macro_f1: float
    """Mean of the F1 scores of these classes; that of a class that is never predicted is 0."""


class EpochRecord(Record):
    """One epoch of one training."""

    epoch: int
    """Counted from 0."""
    loss: float | None
    """Mean training loss over the epoch; None where it is not finite."""
    lr: float
    """Learning rate in the epoch's first step."""
    validation: Scores | None
    """None without a validation set."""
    averaged: bool = False
    """Whether an average of weights was scored in the network's place."""


class Effort(Record):
    """What a computation cost, counted and not measured, so that it is the same on every machine."""

    epochs: int
    images: int
    """Examples sent forward and backward through a network."""
    evaluated: int
    """Examples sent forward only."""
    flops: int
    """Operations of both, of which a multiplication with its addition is two."""


class FitRecord(Record):
    """One training."""

    recipe: dict[str, Any]
    history: tuple[EpochRecord, ...]
    best: int
    """The epoch whose weights are kept: the first of highest validation accuracy, or the last without validation."""
    parameters: int
    effort: Effort | None = None
    """None of a training outside a store."""


class TrialRecord(Record):
    """One proposal of the search for a recipe."""

    number: int
    proposal: dict[str, Any]
    state: Literal["complete", "pruned", "failed"]
    history: tuple[EpochRecord, ...]
    value: float | None
    """Best validation accuracy reached; None if it failed."""
    epochs: int
    """Epochs spent."""
    effort: Effort


class TuneRecord(Record):
    """The search for a recipe in one cycle."""

    trials: tuple[TrialRecord, ...]
    chosen: int
    """The number of the best complete trial."""
    recipe: dict[str, Any]
    """The recipe to train with."""


class Reliability(Record):
    """How sure predictions are and how often they are right, in bins of equal width from 0 to 1."""

    counts: tuple[int, ...]
    """Predictions in each bin."""
    confidence: tuple[float | None, ...]
    """Mean probability of the predicted class; None of an empty bin."""
    accuracy: tuple[float | None, ...]
    """Share of correct predictions; None of an empty bin."""


class MeasureRecord(Record):
    """A trained network on the validation and test sides."""

    validation: Scores | None
    test: Scores
    reliability: Reliability | None = None
    """Of the test side; None where predictions are not finite."""


class QueryRecord(Record):
    """One query."""

    strategy: str
    rows: tuple[int, ...]
    """Rows of the training side, in the order in which they were chosen."""
    forward_passes: int
    """Examples sent through the network, or part of it, to choose them."""
    cost: float
    """Price of the answers."""
    strangers: int
    """Rows that belong to no class, as the oracle answered."""
    effort: Effort
    """Of its forward passes, a pass through part of a network counted as one through all of it.

    Members of a committee have records of their own. Networks that a strategy trains for itself cost seconds alone,
    which are in a sidecar, since nothing here knows their arithmetic.
    """


Dot = tuple[float, float, float]
"""Where a row lies on a map, and the probability of the class that the network holds likeliest."""


class Map(Record):
    """Rows on the plane in which the embeddings of a pool vary most."""

    pool: tuple[Dot, ...]
    """A sample of the pool, the same for all strategies with the same network."""
    chosen: tuple[Dot, ...]
    """The first rows that were chosen, in their order."""
    explained: float
    """Share of the sample's variance that lies in the plane."""


class ViewRecord(Record):
    """What a report shows of a query beside its :class:`QueryRecord`."""

    pool: int
    """Rows that could be chosen."""
    counts: tuple[int, ...]
    """Labels that were bought, by class."""
    pictured: tuple[int, ...]
    """What the oracle said of the first rows chosen, of which there are pictures side by side; -1 for none of the
    classes."""
    accuracy: float | None = None
    """Share of the labels bought that the cycle's network had predicted; None where there was no network."""
    map: Map | None = None
    """None where there was no network, or it had diverged."""


class CycleRecord(Record):
    """One cycle of one run: filled in as its stages finish."""

    cycle: int
    labelled: int
    """Labels in use when the cycle's network was trained."""
    paid: int | float | None = None
    """What the labels in use were allowed to cost, one that was there from the beginning being 1: it is ``labelled``
    where labels are bought by number and every row belongs to a class. Strategies are compared at equal
    ``paid``. None stands for as many as ``labelled``."""
    keys: dict[StageName, str] = {}
    """Where each finished stage lies in the store."""
    recipe: dict[str, Any] | None = None
    best_epoch: int | None = None
    validation: Scores | None = None
    test: Scores | None = None
    queried: int | None = None
    """Labels asked for."""
    cost: float | None = None
    """What they cost."""
    strangers: int | None = None
    """How many of them belonged to no class."""


class RunRecord(Record):
    """One run, as far as it has come."""

    id: str
    """Name of the run's file: strategy, partition, seed and the start of the digest of its spec."""
    strategy: str
    """The strategy's label."""
    dataset: str
    model: str
    partition: str
    seed: int
    spec: dict[str, Any]
    """The identity of the run's spec."""
    cycles: tuple[CycleRecord, ...]
    finished: bool


class PlannedRun(Record):
    """What one run of an experiment will do."""

    id: str
    strategy: str
    dataset: str
    model: str
    condition: str = ""
    """What tells it from runs of the same data set and model under other conditions, such as ``scope every_run``."""
    source: str = ""
    """The network by which its rows were chosen, if it is another than its own."""
    partition: str
    seed: int
    training: int = 0
    """Rows of the data set's training side, of which budgets are per cent."""
    classes: int = 0
    """Which of the plan's lists of classes holds its own."""
    data: int = 0
    """Which of the plan's digests is that of the data it sees."""
    stages: tuple[tuple[int, StageName], ...]
    """(cycle, stage) in order."""


class PlanRecord(Record):
    """What an experiment was last asked to do: the list against which status and report read the runs."""

    experiment: str
    runs: tuple[PlannedRun, ...]
    cycles: int
    """Of the longest run."""
    classes: tuple[tuple[str, ...], ...] = ()
    """Names of the classes, one list for each set of them that occurs."""
    data: tuple[str, ...] = ()
    """Digests of the data that runs see, and of data that they saw until it was replaced."""
    warnings: tuple[str, ...] = ()
    """What a reader should know of the protocol."""
    protocol: dict[str, Any]
    """The parts of the spec that a reader of the report wants to see: setting, recipe, tuning, axes."""


class Fingerprint(Record):
    """What bit-exactness depends on beside the spec."""

    python: str
    torch: str
    numpy: str
    optuna: str
    pillow: str
    torchal: str
    cuda: str | None
    device: str
    """Name of the processor or accelerator."""
    threads: int
    exact: bool
    processes: int = 1
    """How many train one network together."""


class FingerprintFile(Record):
    """Under what a results folder was written, first first."""

    accepted: tuple[Fingerprint, ...]


COMMITS = "commits-timing.json"
"""Name of the sidecar of a results folder that lists commits."""


class CommitsFile(Record):
    """Commits of torchal that wrote into a results folder, a fact of the host and so kept in a sidecar.

    A change of meaning raises a stage's version, so commits may mix.
    """

    commits: tuple[str, ...] = ()

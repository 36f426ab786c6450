"""What the paper and later critical work recommend, each as a question to an experiment.

A rule answers pass, warn or fail with its reason, or unknown where only results can tell. The works are:

- Oliver et al. 2018, "Realistic Evaluation of Deep Semi-Supervised Learning Algorithms";
- Lowell et al. 2019, "Practical Obstacles to Deploying Active Learning";
- Munjal et al. 2022, "Towards Robust and Reproducible Active Learning Using Neural Networks";
- Ji et al. 2023, "Randomness is the Root of All Evil: More Reliable Evaluation of Deep Active Learning";
- Lüth et al. 2023, "Navigating the Pitfalls of Active Learning Evaluation";
- Werner et al. 2024, "A Cross-Domain Benchmark for Active Learning".
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from torchal.report import certainty, costs
from torchal.report.compare import BASELINE
from torchal.report.findings import Findings
from torchal.report.tables import environment

Outcome = Literal["pass", "warn", "fail", "unknown"]
Answer = tuple[Outcome, str]

PAPER_PARTITIONS, PAPER_SEEDS, FEWEST, PAPER_TRIALS, FEW_TRIALS = 5, 5, 3, 50, 10
BEHIND = 0.02
"""How far below a published baseline one's own may be: twice the spread of one point between repetitions."""
_PER_CYCLE = {"every_run", "shared", "first_seed"}


@dataclass(frozen=True)
class Subject:
    """What is held against the rules."""

    spec: Mapping[str, Any]
    """The experiment's spec, every default written out."""
    found: Findings | None
    """Its results, if there are some."""
    beside: pd.DataFrame
    """Published accuracies beside measured ones, as :func:`torchal.report.published.table` returns them."""
    exported: bool
    """Whether the rows of every set lie somewhere as files to be shared."""

    def axis(self, name: str) -> list[Mapping[str, Any]]:
        """Return the values of an axis; one that is no mapping under ``name``."""
        value = self.spec.get(name)
        values = list(value) if isinstance(value, list | tuple) else [] if value is None else [value]
        return [each if isinstance(each, Mapping) else {"name": each} for each in values]


@dataclass(frozen=True)
class Rule:
    """One recommendation."""

    name: str
    question: str
    source: str
    answer: Callable[[Subject], Answer]
    axis: str = ""
    """The part of the spec that it cannot do without."""

    def ask(self, of: Subject) -> Answer:
        """Return the answer."""
        if self.axis and not of.axis(self.axis):
            return "unknown", f"The spec says nothing of {self.axis}."
        return self.answer(of)


def _random(of: Subject) -> Answer:
    names = [each.get("name") for each in of.axis("strategy")]
    if BASELINE in names:
        return "pass", f"random is one of {_counted(len(names), 'strategy', 'strategies')}."
    return "fail", "Nothing says what a strategy gains: add random to strategy."


def _tuned(of: Subject) -> Answer:
    scopes = [each.get("scope") for each in of.axis("tuning") if each.get("trials") and each.get("space")]
    trials = [each.get("trials", 0) for each in of.axis("tuning") if each.get("scope") in _PER_CYCLE]
    if not scopes:
        return "fail", "No recipe is searched: give tuning a space, and trials."
    if not set(scopes) & _PER_CYCLE:
        return "warn", f"A recipe is searched once ({', '.join(map(str, scopes))}), and its optimum moves with labels."
    if max(trials) < FEW_TRIALS:
        return "warn", f"{max(trials)} trials a search; the paper had {PAPER_TRIALS}."
    return "pass", f"A recipe is searched in every cycle, with {max(trials)} trials (the paper had {PAPER_TRIALS})."


def _effort(of: Subject) -> Answer:
    if of.found is None:
        return "unknown", "Every strategy is given the same search; results tell what it came to."
    unfair = costs.unfair(of.found.ledger)
    return (
        ("warn", unfair[0]) if unfair else ("pass", "All strategies were tuned with the trials and epochs of random.")
    )


def _regularised(of: Subject) -> Answer:
    strong = [_is_strong(each) for each in of.axis("recipe")]
    if all(strong):
        return "pass", "Every recipe has strong regularisation (RandAugment and averaged weights)."
    if any(strong):
        return "pass", "Recipes with and without strong regularisation are compared."
    return "warn", "No recipe has RandAugment with averaged weights, under which the paper saw gains shrink."


def _is_strong(recipe: Mapping[str, Any]) -> bool:
    augment = recipe.get("augment") or {}
    return bool(augment.get("randaugment")) and bool(recipe.get("swa") or recipe.get("ema"))


def _partitions(of: Subject) -> Answer:
    count = len(of.axis("partition"))
    said = f"{_counted(count, 'initial set', 'initial sets')}; the paper had {PAPER_PARTITIONS}"
    if count >= PAPER_PARTITIONS:
        return "pass", f"{said}."
    return ("warn" if count >= FEWEST else "fail"), f"{said}, and rankings change with the initial set."


def _seeds(of: Subject) -> Answer:
    count = len(of.axis("seed"))
    said = f"{_counted(count, 'seed', 'seeds')} on each initial set; the paper had {PAPER_SEEDS}"
    if count == 1:
        return "warn", f"{said}. Chance of training cannot be told from the initial set."
    return ("pass" if count >= PAPER_SEEDS else "warn"), f"{said}."


def _power(of: Subject) -> Answer:
    if of.found is None or of.found.compared.empty:
        return "unknown", "Results tell how many replications would show half a point."
    rows = certainty.certainty(of.found.compared)
    rows = rows[rows["p"].notna()]
    if rows.empty:
        return "warn", "One replication shows nothing of others."
    blind = rows[rows["needed"].isna() | (rows["needed"] > rows["n"])]
    if blind.empty:
        return "pass", "There are replications enough to show half a point for every strategy."
    most = "more than 10,000" if blind["needed"].isna().any() else f"{int(blind['needed'].max())}"
    count = f"{len(blind)} of {_counted(len(rows), 'comparison', 'comparisons')}"
    return (
        "warn",
        f"{count} cannot show half a point; it would take {most} replications, and there are {rows['n'].min()}.",
    )


def _baseline(of: Subject) -> Answer:
    rows = of.beside[of.beside["strategy"] == BASELINE] if len(of.beside) else of.beside
    rows = rows[rows["difference"].notna()] if len(rows) else rows
    if not len(rows):
        return "unknown", "Nothing is published for this data set and network at these budgets."
    worst = rows.sort_values("difference").iloc[0]
    behind = f"{-100 * worst['difference']:.1f} points below {100 * worst['published']:.1f} % ({worst['network']})"
    if worst["difference"] < -BEHIND:
        return "fail", f"At {worst['labelled']:g} labels random is {behind}: a weak baseline flatters strategies."
    return "pass", f"At no budget is random more than {100 * BEHIND:g} points below the published accuracy."


def _validation(of: Subject) -> Answer:
    if of.found is None:
        return "unknown", "Results tell the size of the validation set beside that of the labelled one."
    sizes = [
        (cycle.validation.examples if cycle.validation else 0, cycle.labelled)
        for record in of.found.experiment.records
        for cycle in record.cycles
        if cycle.test
    ]
    validating, labelled = max(sizes, key=lambda each: each[0] / each[1])
    if not validating:
        return "warn", "There is no validation set: the last epoch is kept, and nothing can be tuned."
    if validating > labelled:
        return "warn", f"{validating} validation rows beside {labelled} labelled ones, which anybody would train on."
    return "pass", f"The validation set is at most {100 * validating / labelled:.0f} % as large as the labelled one."


def _budgets(of: Subject) -> Answer:
    settings = of.axis("setting")
    cycles = [each.get("cycles") for each in settings]
    budgets = {str(each.get("budget")) for each in settings}
    if cycles == [1]:
        return "fail", "One cycle buys nothing: set setting.cycles."
    if len(budgets) > 1:
        return "pass", f"{len(budgets)} sizes of an annotation batch are compared."
    return "warn", f"One size of an annotation batch ({budgets.pop()}); rankings change with it."


def _networks(of: Subject) -> Answer:
    models = of.axis("model")
    if of.axis("transfer"):
        return "pass", "Rows that one network chose are learnt by others."
    if len(models) > 1:
        return "pass", f"{len(models)} networks are compared."
    return "warn", "One network: what it chooses may be of no use to another. Add models, or transfer: all."


def _data_sets(of: Subject) -> Answer:
    count = len(of.axis("dataset"))
    if count > 1:
        return "pass", f"{count} data sets."
    return "warn", "One data set: methods that win on one lose on others."


def _fingerprint(of: Subject) -> Answer:
    if of.found is None:
        return "unknown", "Results say under which versions and on which devices they were computed."
    table, _ = environment(of.found.results)
    if table is None:
        return "fail", "No fingerprint was recorded with these results."
    count = len(table.headings) - 1
    if count == 1:
        return "pass", "All was computed under one fingerprint: versions, device, threads."
    return "warn", f"{count} fingerprints are mixed, and hardware alone can change a ranking."


def _index_sets(of: Subject) -> Answer:
    if of.exported:
        return "pass", "The rows of every set lie beside the results."
    return "warn", "The rows are in the store alone: torchal card, or torchal export index, writes them to be shared."


def _test_side(of: Subject) -> Answer:  # noqa: ARG001 - a rule's signature
    return "pass", "A search is given no test data, and a strategy no labels of the pool: torchal has no way to ask."


def _finished(of: Subject) -> Answer:
    if of.found is None:
        return "unknown", "Nothing has been computed."
    unfinished = len(of.found.experiment.unfinished)
    if unfinished:
        return "warn", f"{_counted(unfinished, 'run is', 'runs are')} not finished; the verdict may change."
    if len(of.found.left_out):
        return "warn", f"{_counted(len(of.found.left_out), 'run has', 'runs have')} no partner to be compared with."
    return "pass", f"All {len(of.found.experiment.records)} runs are finished and compared."


def _counted(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"


_PAPER, _LUTH, _JI = "Munjal et al. 2022", "Lüth et al. 2023", "Ji et al. 2023"

RULES: Sequence[Rule] = (
    Rule("random", "Is random among the strategies?", _PAPER, _random, "strategy"),
    Rule("tuning", "Are recipes tuned in every cycle?", f"{_PAPER}; {_LUTH}", _tuned, "tuning"),
    Rule("effort", "Was every strategy tuned with the same effort?", _PAPER, _effort),
    Rule("regularisation", "Was strong regularisation tried?", _PAPER, _regularised, "recipe"),
    Rule("partitions", "Are there initial sets enough?", f"{_PAPER}; {_JI}", _partitions, "partition"),
    Rule("seeds", "Are there seeds enough?", f"{_PAPER}; {_JI}", _seeds, "seed"),
    Rule("power", "Could half a point be seen?", "Werner et al. 2024", _power),
    Rule("baseline", "Is random as good as is published?", _PAPER, _baseline),
    Rule(
        "validation", "Is the validation set one that could be afforded?", f"Oliver et al. 2018; {_LUTH}", _validation
    ),
    Rule("budgets", "Were several sizes of a batch tried?", f"{_PAPER}; {_LUTH}", _budgets, "setting"),
    Rule("networks", "Were several networks, or transfer, tried?", f"{_PAPER}; Lowell et al. 2019", _networks, "model"),
    Rule("data sets", "Were several data sets tried?", f"{_LUTH}; Werner et al. 2024", _data_sets, "dataset"),
    Rule("fingerprint", "Was all computed alike?", f"{_PAPER}; {_JI}", _fingerprint),
    Rule("index sets", "Can the rows be shared?", _PAPER, _index_sets),
    Rule("test side", "Was the test side used for no choice?", _LUTH, _test_side),
    Rule("finished", "Is it whole?", _PAPER, _finished),
)
"""In the order in which they are shown."""

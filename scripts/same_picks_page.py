"""Write docs/same-picks.md from the figures of a run.

``python -m benchmarks picks --json > docs/results/same-picks.json``, then ``python scripts/same_picks_page.py``.
"""

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE, FIGURES = ROOT / "docs" / "same-picks.md", ROOT / "docs" / "results" / "same-picks.json"
TESTS = ROOT / "tests" / "unit" / "test_faults_of_torchal.py"

DIFFERENCES = {
    "ties of votes": (
        "leaves equal votes of a committee to an unstable sort",
        "breaks them by the entropy of the mean prediction",
    ),
    "ties of certain rows": (
        "ranks by probability, which rounds to 1",
        "ranks by log-odds, which do not",
    ),
    "saturated rows": (
        "has no epsilon in DBAL's entropy, so that a probability of 0 makes NaN, which is sorted first",
        "counts 0 log 0 as 0",
    ),
    "core-set and copies": ("may pick again what it has picked", "picks a row once"),
    "core-set far from the origin": (
        "expands squares in float32, which cancel",
        "settles distances by differences in float64",
    ),
    "draws from bins": ("draws unseeded", "draws by the address of the query"),
    "dropout masks": (
        "draws a mask for each row, unseeded in the process that samples",
        "draws one network for all rows, by the address of the query",
    ),
    "no dropout": ("ranks rounding noise", "refuses in `torchal plan`"),
    "noise that is kept": (
        "corrupts the newest batch alone and reloads clean labels for all others",
        "keeps the label that a row was given",
    ),
    "10 % noise": (
        "draws from all classes, the right one too",
        "draws from the wrong ones; `as_torchal: true` does as TorchAL does",
    ),
    "per cent": ("counts a label up by the default step", "counts labels"),
    "best epoch": (
        "keeps the best epoch by reference, so that the file holds the last epoch's weights",
        "keeps a copy",
    ),
    "schedule": (
        "compares `SGD` with `sgd` and has none for Adam, so that under AutoML the rate is constant",
        "sets the rate in every step, whatever the optimizer",
    ),
}
"""What TorchAL does and what torchal does, for each difference that is measured."""

FAULTS = {
    "d1": "the file of the best epoch holds the weights of the last",
    "d2": "the learning-rate schedule never runs under AutoML",
    "d3": "DBAL picks what it is certain of, as NaN",
    "d4": "BALD and DBAL on a network without dropout rank rounding noise",
    "d5": "core-set returns a row many times",
    "d6": "the order of the pool decides among thousands of equal votes",
    "d7": "noise is forgotten from cycle to cycle",
    "d8": "accuracies of a transfer overwrite each other",
    "d9": "per cent is a label",
    "d10": "rows of folders follow the file system",
    "d11": "class weights fail where a class is not labelled",
}
"""The faults, by the start of the names of their tests."""

HEAD = """# Same picks?

Written by `scripts/same_picks_page.py`; the figures are of this run:

    python -m benchmarks picks --json > docs/results/same-picks.json && python scripts/same_picks_page.py

TorchAL's rules are those of its code at 51e3810 (July 2022), written anew in plain numpy in
`benchmarks/_torchal_rules.py`: its formulas, precisions, epsilons and order among equals; its own program is not run.
Both sides get the same float32 tables: of made-up pools, one of them of 40,000 rows with 5,000 picks, and of networks
trained on digits.
`tests/conformance/test_torchal_rules.py` holds smaller ones to it in every build.

## Strategies

*Up to ties*: a row that one side alone chose has the very score at which the choice ends. *Gap*: how far, at most, the
score of such a row lies from there.

"""


def page(figures: dict[str, Any]) -> str:
    """Return the page of a run."""
    return "\n".join([HEAD + _strategies(figures), _differences(figures["differences"]), _faults()])


def _strategies(figures: dict[str, Any]) -> str:
    rows = [
        [
            f"`{name}`",
            f"`{row['torchals_name']}`",
            str(row["pools"]),
            _per_cent(row["identical"]),
            _per_cent(row["up_to_ties"]),
            f"{row['largest_gap']:g}",
        ]
        for name, row in figures["strategies"].items()
    ]
    random = figures["random"]
    head = ["torchal", "TorchAL", "pools", "same set", "up to ties", "largest gap"]
    return f"""{_table(head, rows)}

`uncertainty_bins` draws within bins: the same set here means as many rows of every bin, where bins are equally large.
`random` has the same law and another generator: {random["in_common"]:g} rows in common in the mean, where chance gives
{random["in_common_by_chance"]:g}. `vaal`, `vaal_minus_disc`, `core_gcn` and `tod` are not compared: the first two train
networks of their own, and the last two cannot be called in TorchAL, which has their bodies commented out.
"""


def _differences(measured: dict[str, Any]) -> str:
    rows = []
    for name, (theirs, ours) in DIFFERENCES.items():
        found = dict(measured[name])
        counted, one, other = (found.pop(key) for key in ("counted", "torchals_rule", "torchal"))
        rest = "; ".join(f"{key.replace('_', ' ')}: {_value(value)}" for key, value in found.items())
        rows.append([f"**{name}**: TorchAL {theirs}; torchal {ours}", counted, _value(one), _value(other), rest])
    head = ["difference", "what is counted", "TorchAL's rule", "torchal", "besides"]
    return f"""## Deliberate differences, measured

The rule is run as it is, on data on which the difference shows. Accuracies are means over seeds, and their differences
are paired: torchal's way less TorchAL's, with the standard error. One that does not rise is told as well: a difference
may be right and not pay on a small data set.

{_table(head, rows)}
"""


def _faults() -> str:
    rows = [[fault.upper(), what, " ".join(f"`{name}`" for name in _tests(fault))] for fault, what in FAULTS.items()]
    return f"""## Faults, and tests that torchal is without them

In `tests/unit/test_faults_of_torchal.py`; each fails if the fault is put into torchal.

{_table(["", "fault in TorchAL", "tests"], rows)}
"""


def _tests(fault: str) -> list[str]:
    return re.findall(rf"^def (test_{fault}_\w+)", TESTS.read_text(encoding="utf-8"), re.MULTILINE)


def _per_cent(share: float) -> str:
    return f"{100 * share:g} %"


def _value(value: Any) -> str:
    """Return a figure in words: numbers as they are, and what belongs together in one line."""
    match value:
        case {"mean": mean, "standard_error": error, "n": n}:
            return f"{mean:+g} ± {error:g} points (n = {n})"
        case dict():
            return ", ".join(f"{key} {_value(each)}" for key, each in value.items())
        case list():
            return ", ".join(map(_value, value))
        case str():
            return value.partition(":")[0]
        case _:
            return f"{value:.3g}" if 0 < abs(value) < 1e-3 else f"{value:g}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


if __name__ == "__main__":
    PAGE.write_text(page(json.loads(FIGURES.read_text(encoding="utf-8"))), encoding="utf-8")

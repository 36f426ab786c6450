"""Write docs/from-torchal.md from what ``torchal migrate`` goes by: ``python scripts/from_torchal_page.py``."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import yaml

from torchal.migrate.migration import migrate
from torchal.migrate.remarks import sentences
from torchal.migrate.table import Entry, Flag, table

PAGE = Path(__file__).parents[1] / "docs" / "from-torchal.md"

EXAMPLE = """k=1
sets=data/CIFAR10/partition_$k
for fn in random bald; do
  python tools/main_aml.py --dataset CIFAR10 --num_classes 10 --out_dir results --n_GPU 2 \\
    --lSetPath $sets/lSet_CIFAR10.npy --uSetPath $sets/uSet_CIFAR10.npy --valSetPath $sets/valSet_CIFAR10.npy \\
    --model_type vgg --model_depth 16 --clf_epochs 150 --num_aml_trials 50 --rand_aug \\
    --sampling_fn $fn --dropout_iterations 25 --budget_size 2500 --al_max_iter 4 --seed_id $(date +%s)
done
"""

HEAD = """# From TorchAL

Written by `scripts/from_torchal_page.py` from the table that `torchal migrate` goes by. What TorchAL does is told of
its commit 51e3810.

## A script

```text
torchal migrate run.sh                  # prints the experiment, and on the other stream what is not in it
torchal migrate run.sh -o mine.yaml     # writes it; an existing file is left alone
```

reads the calls of `main_aml.py` and `train_al.py` in a shell script. **Nothing is executed.** Plain `NAME=value`
assignments are put in, and loops over plain words gone through; whatever only a shell could know, such as `$(date)`
or `$1`, is listed and left to you. The configuration behind `--cfg` is read if it is there. Commands that differ in
strategy, partition and seed become one experiment; others become one each, in a folder. Of this script
"""

TAIL = """
## What differs besides

- TorchAL's README calls its first example a random baseline, and the script says `sampling_fn=uncertainty`. So does
  its migration.
- A training starts from scratch in every cycle and keeps the weights of its best epoch; TorchAL saves the last
  epoch's under the best one's name.
- A search is seeded, and goes on where it was stopped.
- Results are called by counts of rows, not by per cent that the budget need not add up to.
- `tuning: {retrain: false}` takes the network of the best trial, as TorchAL does.

## A folder of results

```text
torchal migrate results -o sets --validation data/CIFAR10/partition_1/valSet_CIFAR10.npy
torchal replay sets/manifest.json --set recipe.epochs=100
```

writes the `lSet`, `uSet` and `activeSet` of every run and cycle below the folder that `--out_dir` named as plain
arrays, with a manifest for each network and regularisation, and [trains on them
again](conditions.md#somebody-elses-rows) cycle by cycle. TorchAL keeps no validation rows there: of CIFAR, SVHN,
MNIST, STL-10 and ImageNet they are all that is neither labelled nor in the pool, and of other data `--validation`
says them. Each cycle must follow from the one before; rows that TorchAL's core-set took twice count once, and are
told. The set that TorchAL draws after its last training is kept as queried and not trained on. Files that are pickles
are read without running them, and links out of the folder are refused.

A single partition needs no migration: `partition: {imported: FOLDER}` reads `lSet*.npy`, `uSet*.npy` and
`valSet*.npy`, and `{published: [1, 2, 3, 4, 5]}` makes TorchAL's own ones.
"""


def page() -> str:
    """Return the page."""
    flags = [(f"`{flag.flag}`", _programs(flag), _fields(flag), _says(flag)) for flag in table().flags]
    keys = [(f"`{key.key}`", _fields(key), _says(key)) for key in table().keys]
    parts = [
        HEAD + _example(),
        "## Flags\n\nA field is a path in an experiment; options of a plug-in lie behind its axis.\n",
        _rows(("flag", "of", "field", "how, or why not"), flags),
        "\n## Keys of the configuration\n\n`BN.*` is every key below `BN` that is not listed.\n",
        _rows(("key", "field", "how, or why not"), keys),
        "\n## Names\n",
        _rows(("of `--dataset`", "`dataset`"), [(f"`{k}`", f"`{v.name}`") for k, v in table().datasets.items()]),
        "",
        _rows(("of `--sampling_fn`", "`strategy`"), [(f"`{k}`", _brief(v)) for k, v in table().strategies.items()]),
        "",
        _rows(("of `--model_type`", "of `--model_depth`", "`model`", "but"), _networks()),
    ]
    return "\n".join(parts) + "\n" + TAIL


def _example() -> str:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "run.sh"
        script.write_text(EXAMPLE, encoding="utf-8")
        found = migrate(script)
    said = "\n".join(sentences(found.remarks))
    return f"\n```text\n{EXAMPLE}```\n\nit makes\n\n```yaml\n{found.text()}```\n\nand says\n\n```text\n{said}\n```\n"


def _programs(flag: Flag) -> str:
    return f"`{flag.of}.py`" if flag.of else "both"


def _fields(entry: Entry) -> str:
    return ", ".join(f"`{field}`" for field in entry.fields) or "none"


def _says(entry: Entry) -> str:
    only = f" (with `{entry.only}`)" if entry.only else ""
    return f"{entry.says[:1].upper()}{entry.says[1:]}{only}".replace("|", "\\|")


def _networks() -> list[tuple[str, ...]]:
    known = table().networks
    return [(f"`{each.type}`", str(each.depth or "any"), _brief(each.model), each.but) for each in known]


def _brief(value: dict[str, object]) -> str:
    written = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1000).strip()
    return f"`{value['name'] if set(value) == {'name'} else written}`"


def _rows(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = list(head)
    lines = [f"| {' | '.join(each)} |" for each in (columns, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(columns), *lines[1:]])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

"""A trained network as a folder that plain torch loads, with all that is to be known of it."""

import json
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from torchal import __version__
from torchal.data.dataset import Dataset
from torchal.data.partition import Partition
from torchal.digest import digest_of_file
from torchal.experiment import ExperimentSpec
from torchal.loop import Done, rows_by_cycle
from torchal.models import Classifier
from torchal.plan import Chain
from torchal.problem import opened
from torchal.records import CycleRecord
from torchal.runspec import RunSpec
from torchal.store import ReadOnlyStore
from torchal.training.fit import fresh
from torchal.training.memo import WEIGHTS
from torchal.training.weights import load_weights

NETWORK = "network.pt2"


class Deployed(nn.Module):
    """A network with its data set's normalisation in front of it."""

    mean: Tensor | None
    std: Tensor | None

    def __init__(self, model: Classifier, mean: Tensor | None, std: Tensor | None) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("mean", None if mean is None else mean[:, None, None])
        self.register_buffer("std", None if std is None else std[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """Return logits of images in 0..1, or of feature vectors."""
        if self.mean is not None and self.std is not None:
            x = (x - self.mean) / self.std
        logits: Tensor = self.model(x)
        return logits


def export_model(
    experiment: ExperimentSpec, results: Path, folder: Path, run: str | None = None, cycle: int | None = None
) -> list[Path]:
    """Write the network that a run ended a cycle with, and return the files.

    Args:
        experiment: that the run belongs to.
        results: folder of results.
        folder: to write; it must not exist, or be empty.
        run: start of the run's id; the first run if not given.
        cycle: counted from 0; the last that is finished if not given.

    Raises:
        ValueError: if there is no such run, its cycle is not finished, or the folder holds files.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"--to {folder}: holds files already; name a folder that is empty or not there yet.")
    chain = _chain(experiment, results, run)
    fitted = _fitted(chain, cycle)
    data, rows = opened(chain.spec).data, rows_by_cycle(chain.spec, chain.finished)[fitted.cycle]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        draft = Path(name) / folder.name
        draft.mkdir()
        _write(draft, chain, fitted, data, rows)
        draft.replace(folder)
    return sorted(folder.iterdir())


def _chain(experiment: ExperimentSpec, results: Path, run: str | None) -> Chain:
    runs = experiment.runs()
    found = [spec for spec in runs if spec.id.startswith(run or "")]
    if not found:
        raise ValueError(f"--run {run}: no run's id starts so; the first is {runs[0].id}.")
    chain = Chain.of(found[0])
    chain.look(ReadOnlyStore(results / "store"), "cpu")
    return chain


def _fitted(chain: Chain, cycle: int | None) -> Done:
    scored = {done.cycle for done in chain.finished if done.stage == "measure"}
    wanted = max(scored, default=0) if cycle is None else cycle
    if wanted not in scored:
        raise ValueError(
            f"--cycle {wanted}: run {chain.spec.id} has finished {len(scored)} of {opened(chain.spec).cycles} cycles "
            "here; run the experiment first, or name --results or another cycle."
        )
    return next(done for done in chain.finished if (done.cycle, done.stage) == (wanted, "fit"))


def _write(draft: Path, chain: Chain, fitted: Done, data: Dataset, rows: Partition) -> None:
    shutil.copyfile(fitted.entry.path / WEIGHTS, draft / WEIGHTS)
    network = fresh(chain.spec.model, data.shape, len(data.classes), ("export",)).eval()
    load_weights(network, draft / WEIGHTS)
    network.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]  # as others expect it
    _trace(Deployed(network, data.train.inputs.mean, data.train.inputs.std).eval(), data.shape, draft / NETWORK)
    np.save(draft / "labelled.npy", rows.labelled.cpu().numpy(), allow_pickle=False)
    record = next(each for each in chain.record().cycles if each.cycle == fitted.cycle)
    facts = _facts(chain.spec, record, data, len(rows.labelled))
    facts["sha256"] = {name: digest_of_file(draft / name) for name in (WEIGHTS, NETWORK)}
    (draft / "model.json").write_text(json.dumps(facts, indent=1) + "\n")
    (draft / "README.md").write_text(_readme(facts))


def _trace(network: Deployed, shape: tuple[int, ...], path: Path) -> None:
    example = torch.zeros(2, *shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what torch says about its own inside while tracing
        batch = {"x": {0: torch.export.Dim("batch", min=1)}}
        torch.export.save(torch.export.export(network, (example,), dynamic_shapes=batch), path)


def _facts(spec: RunSpec, record: CycleRecord, data: Dataset, labelled: int) -> dict[str, Any]:
    inputs = data.train.inputs
    normalised = None if inputs.mean is None or inputs.std is None else [inputs.mean.tolist(), inputs.std.tolist()]
    return {
        "run": spec.id,
        "cycle": record.cycle,
        "labelled": labelled,
        "model": spec.model.document(),
        "recipe": record.recipe,
        "dataset": {"name": data.name, "sha256": data.digest, "classes": data.classes},
        "input": {"shape": data.shape, "kind": "images in 0..1" if len(data.shape) == 3 else "feature vectors"},
        "normalisation": normalised,
        "validation": None if record.validation is None else record.validation.model_dump(),
        "test": None if record.test is None else record.test.model_dump(),
        "fit": record.keys["fit"],
        "torch": torch.__version__,
        "torchal": __version__,
    }


def _readme(facts: dict[str, Any]) -> str:
    shape = ", ".join(str(each) for each in facts["input"]["shape"])
    test = f"{100 * facts['test']['accuracy']:.2f} %" if facts["test"] else "not measured"
    return f"""# {facts["model"]["name"]} on {facts["dataset"]["name"]}

Trained on {facts["labelled"]} labels (cycle {facts["cycle"]} of run {facts["run"]}); test accuracy {test}.
`model.json` says all that is known of it, `labelled.npy` which rows it learnt from, and `{WEIGHTS}` holds the
weights by name.

```python
import json

import torch

facts = json.load(open("model.json"))
network = torch.export.load("{NETWORK}").module()  # the architecture, the weights and the normalisation
x = torch.rand(8, {shape})  # {facts["input"]["kind"]}, as float32; any number of them
with torch.no_grad():
    logits = network(x)
names = [facts["dataset"]["classes"][number] for number in logits.argmax(1).tolist()]
print(names)
```

It needs torch {facts["torch"].split("+")[0]} or later, and not torchal.
"""

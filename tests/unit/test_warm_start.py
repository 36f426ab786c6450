import json

import torch
from safetensors.torch import load_file
from small_runs import changed

from torchal.loop import run, stages
from torchal.store import Store

FIELDS = {"strategy": "random", "seed": 1, "tuning": {"scope": "fixed"}, "setting": {"cycles": 3, "budget": 10}}


def fitted(store: Store, spec) -> list[dict[str, torch.Tensor]]:
    done = [each.entry.path for each in stages(spec, store) if each.stage == "fit"]
    return [load_file(path / "weights.safetensors") for path in done]


def spec(init: str, **recipe):
    fields = {"optimizer": "sgd", "lr": 1e-9, "epochs": 1, "batch": 16, "init": init, **recipe}
    return changed(**FIELDS, recipe=fields).runs()[0]


def near(a, b) -> bool:
    return all(torch.allclose(a[name], b[name], atol=1e-6) for name in a)


def test_every_cycle_goes_on_from_the_weights_of_the_one_before_if_asked_and_else_begins_anew(tmp_path):
    with Store(tmp_path) as store:
        first, second, third = fitted(store, spec("previous"))
        assert near(first, second)
        assert near(second, third)
        anew = fitted(store, spec("scratch"))
        assert not near(anew[0], anew[1])


def test_a_warm_start_depends_on_the_weights_it_starts_from(tmp_path):
    """With another rate in every training the first weights differ, so no later entry may be shared."""
    with Store(tmp_path) as store:
        keys = [{cycle.keys["fit"] for cycle in run(spec("previous", lr=rate), store).cycles} for rate in (1e-3, 2e-3)]
    assert not keys[0] & keys[1]


def test_trials_of_a_search_start_where_the_training_will(tmp_path):
    tuning = {"scope": "every_run", "trials": 1, "space": {"lr": [1e-9]}}
    fields = {**FIELDS, "tuning": tuning, "recipe": {"optimizer": "sgd", "epochs": 1, "batch": 16, "init": "previous"}}
    with Store(tmp_path) as store:
        cycles = run(changed(**fields).runs()[0], store).cycles
    searched = [read(tmp_path, "tune", each)["task"].get("previous") for each in cycles]
    ended = [json.loads((tmp_path / "fit" / each.keys["fit"] / "digests.json").read_text()) for each in cycles]
    assert searched == [None, *(each["weights.safetensors"] for each in ended[:-1])]


def read(root, stage, cycle) -> dict:
    return json.loads((root / stage / cycle.keys[stage] / "inputs.json").read_text())

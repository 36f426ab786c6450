"""What is exported is loaded in another process, by the lines of its own README and without torchal."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file
from small_runs import SMALL, changed, compute

from torchal.cli import main
from torchal.export_model import export_model
from torchal.plan import Chain
from torchal.problem import opened
from torchal.store import ReadOnlyStore
from torchal.training.fit import fresh

pytestmark = pytest.mark.unchecked

FIELDS = {"strategy": "random", "seed": 1, "tuning": {"scope": "fixed"}, "setting": {"cycles": 2, "budget": 10}}
MODELS = {"mlp": {"name": "mlp", "hidden": [16]}, "resnet8": {"name": "resnet8", "width": 2, "dropout": 0.2}}


@pytest.fixture(scope="module", params=MODELS)
def exported(request, tmp_path_factory):
    folder, spec = tmp_path_factory.mktemp("export"), changed(**FIELDS, model=MODELS[request.param])
    compute(folder / "results", spec)
    export_model(spec, folder / "results", folder / "model")
    return spec, folder


def plain_torch(folder, code) -> str:
    """Run the README's lines, and more after them, in the exported folder."""
    lines = re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL).group(1)
    program = f"{lines}\nimport sys\nassert not [name for name in sys.modules if 'torchal' in name]\n{code}"
    command = [sys.executable, "-I", "-W", "ignore", "-c", program]
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_plain_torch_loads_the_network_by_its_readme_and_gives_torchals_logits_for_any_batch(exported):
    spec, folder = exported
    data = opened(spec.runs()[0]).data
    network = fresh(spec.runs()[0].model, data.shape, 10, ("other",)).eval()
    network.load_state_dict(load_file(folder / "model" / "weights.safetensors"))
    x = data.test.inputs.batch(torch.arange(7))
    np.save(folder / "model" / "x.npy", x.numpy())
    code = "import numpy\nx = torch.from_numpy(numpy.load('x.npy'))\nwith torch.no_grad():\n"
    code += "    print(json.dumps([network(x[:n]).tolist() for n in (1, 2, 7)]))"
    told = json.loads(plain_torch(folder / "model", code).splitlines()[-1])
    (folder / "model" / "x.npy").unlink()
    with torch.no_grad():
        for n, logits in zip((1, 2, 7), told, strict=True):
            assert torch.allclose(torch.tensor(logits), network(x[:n]), atol=1e-6)


def test_the_record_beside_it_tells_rows_scores_and_digests(exported):
    spec, folder = exported
    chain = Chain.of(spec.runs()[0])
    chain.look(ReadOnlyStore(folder / "results" / "store"), "cpu")
    facts = json.loads((folder / "model" / "model.json").read_text())
    assert (facts["run"], facts["cycle"], facts["labelled"]) == (spec.runs()[0].id, 1, 40)
    assert facts["test"] == json.loads(chain.record().cycles[1].test.model_dump_json())
    labelled = np.load(folder / "model" / "labelled.npy", allow_pickle=False)
    assert (labelled.dtype, len(set(labelled.tolist()))) == (np.int64, 40)
    data = opened(spec.runs()[0]).data
    network = torch.export.load(folder / "model" / "network.pt2").module()
    scored = evaluate_plain(network, data)
    assert scored == pytest.approx(facts["test"]["accuracy"])


def evaluate_plain(network, data) -> float:
    with torch.no_grad():
        found = network(data.test.inputs.batch(torch.arange(len(data.test)))).argmax(1)
    return (found == data.test.labels).double().mean().item()


def test_a_normalised_data_set_is_normalised_inside(tmp_path):
    from torchal.data.dataset import Resident
    from torchal.export_model import Deployed, _trace
    from torchal.models.resnet8 import Resnet8

    network = fresh(Resnet8(width=2), (3, 8, 8), 4, ("normalised",)).eval()
    mean, std = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.5, 0.6, 0.7])
    inputs = Resident(torch.randint(0, 256, (5, 3, 8, 8), dtype=torch.uint8), mean, std)
    _trace(Deployed(network, mean, std).eval(), (3, 8, 8), tmp_path / "n.pt2")
    with torch.no_grad():
        found = torch.export.load(tmp_path / "n.pt2").module()(inputs.values.float() / 255)
        assert torch.allclose(found, network(inputs.batch(torch.arange(5))), atol=1e-5)


@pytest.mark.parametrize(
    ("what", "options", "message"),
    [
        ("model", ("--run", "nobody"), "--run nobody: no run's id starts so"),
        ("model", ("--cycle", "7"), "--cycle 7: run .* has finished 2 of 2 cycles"),
        ("modle", (), "export modle: there is no such thing to export; did you mean 'model'"),
        ("index", ("--cycle", "1"), "--run and --cycle belong to export model"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_a_sentence(
    exported, tmp_path, what, options, message, monkeypatch, capsys
):
    spec, folder = exported
    file = tmp_path / "spec.yaml"
    file.write_text(yaml.safe_dump({**SMALL, **FIELDS, "model": spec.model[0].document()}))
    words = ["torchal", "export", what, str(file), "--results", str(folder / "results"), "--to", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", [*words, *options])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert re.search(message, " ".join(capsys.readouterr().err.split()))
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_files_is_left_alone(exported, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    spec, folder = exported
    with pytest.raises(ValueError, match="holds files already"):
        export_model(spec, folder / "results", tmp_path / "out")
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["mine.txt"]

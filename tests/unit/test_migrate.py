"""TorchAL's command lines become experiments, nothing in them is executed, and nothing is lost in silence."""

import json
import subprocess
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import yaml
from pydantic import BaseModel
from typer.testing import CliRunner

from torchal.cli import app, main
from torchal.data.dataset import Source
from torchal.data.draw import Drawn, Imported, Published
from torchal.data.noise import Symmetric
from torchal.data.published import published
from torchal.experiment import ExperimentSpec
from torchal.migrate.experiment import drafted
from torchal.migrate.migration import migrate
from torchal.migrate.script import Command, Other, read
from torchal.migrate.table import table
from torchal.models import Model
from torchal.query import Strategy
from torchal.spec import names, resolve
from torchal.training.recipe import Augment, RandAugment, Recipe, Schedule, Swa
from torchal.tuning.tuning import Tuning

EXAMPLES = Path(__file__).parents[1] / "data" / "torchal"

BOTH = """n_GPU port seed_id init_partition step_partition dataset out_dir budget_size clf_epochs num_classes
    eval_period checkpoint_period log_iter al_max_iter rand_aug rand_aug_N rand_aug_M swa_mode swa_lr swa_freq swa_iter
    swa_epochs model_type model_depth lSetPath uSetPath valSetPath train_dir test_dir cfg sampling_fn dropout_iterations
    vaal_z_dim vaal_vae_bs vaal_epochs vaal_vae_lr vaal_disc_lr vaal_beta vaal_adv_param vaal_im_size isimbalanced
    noisy_oracle isTransferExp transfer_dir_specific transfer_model_type transfer_model_style transfer_model_depth"""
MAIN = "lSet_partition num_aml_trials reuse_aml reuse_aml_seed"
TRAIN = """train_batch_size test_batch_size lr wt_decay optim optim_mom nesterov n_workers al_mode uc_n_bins only_swa
    only_swa_partition device_ids ensemble num_ensembles ens_epochs no_automl"""

USUAL = "--model_type vgg --model_depth 16 --num_aml_trials 50 --clf_epochs 150 --al_max_iter 4 --budget_size 5000"


@pytest.mark.parametrize(("program", "own"), [("main_aml", MAIN), ("train_al", TRAIN)])
def test_every_flag_of_torchals_programs_is_known(program, own):
    assert {flag.flag for flag in table().of(program)} == {f"--{name}" for name in (*BOTH.split(), *own.split())}


# --- where flags go ---------------------------------------------------------------------------------------------------

PLACES: dict[str, tuple[type[BaseModel], ...]] = {
    "oracle.noise": (Symmetric,),
    "partition": (Drawn, Imported, Published),
    "recipe.augment.randaugment": (RandAugment,),
    "recipe.augment": (Augment,),
    "recipe.schedule": (Schedule,),
    "recipe.swa": (Swa,),
    "recipe": (Recipe,),
    "tuning": (Tuning,),
    "": (ExperimentSpec,),
}


def holders(path: str) -> tuple[type[BaseModel], ...]:
    """Return the specs of which one must have the last part of a path as a field."""
    above = path.rpartition(".")[0]
    plugins = {"dataset": Source, "strategy": Strategy}
    if above in plugins:
        return tuple(resolve(plugins[above], name) for name in names(plugins[above].room))
    return PLACES.get(above) or (ExperimentSpec.model_fields[above].annotation.__args__[0],)


@pytest.mark.parametrize("entry", [*table().flags, *table().keys], ids=lambda e: getattr(e, "flag", "") or e.key)
def test_what_is_carried_over_goes_to_a_field_that_there_is_and_all_else_has_a_reason(entry):
    assert entry.says.strip()
    for path in entry.fields:
        last = path.rpartition(".")[2]
        assert any(last in holder.model_fields for holder in holders(path)), path


def test_names_stand_for_plugins_that_there_are():
    for network in table().networks:
        resolve(Model, network.model["name"]).model_validate({k: v for k, v in network.model.items() if k != "name"})
    for found in table().strategies.values():
        resolve(Strategy, found["name"]).model_validate({k: v for k, v in found.items() if k != "name"})
    assert all(resolve(Source, data.name) for data in table().datasets.values())


def draft(words: str, program: str = "main_aml", folder: Path = Path("nowhere")):
    return drafted(Command(1, program, tuple(f"{USUAL if program == 'main_aml' else ''} {words}".split())), folder, "x")


def document(words: str, program: str = "main_aml", folder: Path = Path("nowhere")):
    return draft(words, program, folder).document


VGG = "--model_type vgg --model_depth 16 --clf_epochs 100"
COMMANDS = [
    ("main_aml", "--seed_id 2 --reuse_aml --reuse_aml_seed 1 --isimbalanced --noisy_oracle 0.1 --eval_period 1"),
    ("main_aml", "--dataset IMAGENET --train_dir /i/train --test_dir /i/val --init_partition 5"),
    ("main_aml", "--dataset MNIST --lSet_partition 2 --lSetPath a --uSetPath b --valSetPath c"),
    ("main_aml", "--lSet_partition 2"),
    (
        "main_aml",
        " ".join(f"--{k}SetPath CIFAR10/val-set-1k/partition_1/{k}Set_CIFAR10.npy" for k in ("l", "u", "val")),
    ),
    ("main_aml", "--rand_aug --rand_aug_N 2 --rand_aug_M 3 --swa_mode --swa_epochs 9 --swa_lr 1e-3 --swa_freq 5"),
    ("main_aml", "--sampling_fn bald --dropout_iterations 25"),
    ("main_aml", "--sampling_fn vaal --vaal_z_dim 8 --vaal_vae_bs 16 --vaal_epochs 2 --vaal_vae_lr 1e-3 --vaal_beta 2"),
    ("main_aml", "--sampling_fn vaal --vaal_adv_param 3"),
    ("main_aml", "--isTransferExp --transfer_model_type resnet_2 --transfer_model_depth 18"),
    ("train_al", f"{VGG} --al_mode --al_max_iter 3 --sampling_fn ensemble_var_R --num_ensembles 5"),
    ("train_al", f"{VGG} --sampling_fn uncertainty_uniform_discretize --uc_n_bins 50 --train_batch_size 32"),
    ("train_al", f"{VGG} --optim SGD --optim_mom 0.8 --nesterov --lr 0.1 --wt_decay 1e-3"),
    ("train_al", f"{VGG} --optim sgd --cfg step.yaml"),
    ("main_aml", "--sampling_fn uncertainty_uniform_discretize --cfg step.yaml"),
]

STEPS = {"MODEL": {"TYPE": "resnet_2", "DEPTH": 50}, "ACTIVE_LEARNING": {"N_BINS": 7, "BUDGET_SIZE": 5000}}
STEPS["OPTIM"] = {
    "LR_POLICY": "steps",
    "STEPS": [0, 25, 50],
    "LR_MULT": 0.2,
    "WARMUP_EPOCHS": 5,
    "MOMENTUM": "8e-1",
    "NESTEROV": True,
}


@pytest.fixture(scope="module")
def configured(tmp_path_factory):
    """A folder with a configuration, and with index files that nobody published."""
    folder = tmp_path_factory.mktemp("configured")
    (folder / "step.yaml").write_text(yaml.safe_dump(STEPS))
    for kind, rows in (("l", [0, 1]), ("u", [2, 3]), ("val", [4])):
        np.save(folder / f"{kind}Set_X.npy", np.array(rows, dtype=object), allow_pickle=True)
    return folder


def test_every_field_of_every_flag_is_put_there_by_some_command(configured):
    here = " ".join(f"--{kind}SetPath {configured}/{kind}Set_X.npy" for kind in ("l", "u", "val"))
    went = set()
    for program, words in [*COMMANDS, ("main_aml", here)]:
        made = draft(words, program, configured)
        ExperimentSpec.model_validate(made.document)
        pairs = ((source.split()[0], path) for path, told in made.sources.items() for source in told)
        went |= {(source, each) for source, path in pairs for each in parents(path)}
    promised = {(each.flag, field) for each in table().flags for field in each.fields}
    promised |= {(each.key, field) for each in table().keys for field in each.fields}
    assert promised - went == set()


def parents(path: str) -> list[str]:
    parts = path.split(".")
    return [".".join(parts[: k + 1]) for k in range(len(parts))]


# --- TorchAL's own examples -------------------------------------------------------------------------------------------

PLAIN = {
    "name": "random_baseline",
    "dataset": "cifar10",
    "model": "vgg16",
    "strategy": "uncertainty",
    "partition": {"published": 1},
    "seed": 1,
    "setting": {"cycles": 4, "budget": 5000},
    "recipe": {"epochs": 5, "augment": {"standard": True}},
    "tuning": {"trials": 3, "scope": "every_run", "space": "paper", "pruner": None, "retrain": False},
}
STRONG = {
    **PLAIN,
    "name": "strong_baseline",
    "recipe": {
        "epochs": 5,
        "augment": {"standard": True, "randaugment": {"operations": 1, "magnitude": 5}},
        "swa": {"epochs": 5, "lr": 5e-4, "every": 50},
    },
    "tuning": {**PLAIN["tuning"], "space": "strong"},
}


@pytest.mark.parametrize("expected", [PLAIN, STRONG], ids=lambda each: each["name"])
def test_the_examples_of_torchals_readme_become_what_they_say(tmp_path, expected):
    found = migrate(EXAMPLES / f"{expected['name']}.sh")
    (tmp_path / "x.yaml").write_text(found.text())
    assert yaml.safe_load(found.text()) == expected
    assert len(ExperimentSpec.read(tmp_path / "x.yaml").runs()) == 1


def test_each_line_names_the_flags_that_it_came_from():
    lines = migrate(EXAMPLES / "strong_baseline.sh").text().splitlines()
    assert "setting: {cycles: 4, budget: 5000}  # --al_max_iter 4, --budget_size 5000" in lines
    assert "  epochs: 5  # --clf_epochs 5" in lines
    assert "partition: {published: 1}  # --lSetPath, --uSetPath, --valSetPath" in lines


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("*.sh")), ids=lambda path: path.stem)
def test_every_flag_that_is_given_is_in_the_yaml_or_told(script):
    found = migrate(script)
    (command,) = (each for each in read(script.read_text()) if isinstance(each, Command))
    told = found.text() + " ".join(each.what for each in found.remarks)
    given = [word for word in command.words if word.startswith("--")]
    assert len(given) > 30
    assert [flag for flag in given if flag not in told] == []


# --- what flags mean --------------------------------------------------------------------------------------------------


def told(made, kind: str) -> str:
    return "\n".join(f"{each.what}: {each.why}" for each in made.remarks if each.kind == kind)


FOLDER = {"name": "folder", "path": "/i", "train": "a", "test": "b"}
DRAWN = {"drawn": 1, "labelled": "10%", "validation": "10%"}


@pytest.mark.parametrize(
    ("words", "path", "value"),
    [
        ("--noisy_oracle 0.2", "oracle", {"noise": {"symmetric": 0.2, "as_torchal": True, "touches": ["queried"]}}),
        ("--sampling_fn cog", "strategy", "centre_of_gravity"),
        ("--sampling_fn DBAL --dropout_iterations 7", "strategy", {"name": "dbal", "samples": 7}),
        ("--sampling_fn vaal_minus_disc", "strategy", {"name": "vaal", "rule": "distance"}),
        ("--seed_id 3 --reuse_aml", "seed", [1, 3]),
        ("--seed_id 1 --reuse_aml", "seed", 1),
        ("--isTransferExp --transfer_model_type wide_resnet_28_2", "transfer", [{"name": "wrn28_2"}]),
        ("--budget_siz=2500", "setting", {"cycles": 4, "budget": 2500}),  # argparse takes unambiguous beginnings
        ("--dataset CIFAR100 --lSet_partition 4", "partition", {"published": 4}),
        ("--dataset SVHN --lSet_partition 4", "partition", {**DRAWN, "drawn": 4}),
        ("--dataset RSNA", "dataset", {"name": "folder", "path": "rsna"}),
        ("--dataset IMAGENET --train_dir /i/a/ --test_dir /i/b", "dataset", FOLDER),
    ],
)
def test_a_flag_becomes_its_field(words, path, value):
    assert document(words)[path] == value


@pytest.mark.parametrize(
    ("epochs", "period", "prunes"),
    [(150, 1, True), (21, 1, True), (20, 1, False), (150, 2, False), (150, 5, False), (150, 3, True), (150, 41, True)],
)
def test_trials_are_pruned_where_torchal_would(epochs, period, prunes):
    pruner = document(f"--clf_epochs {epochs} --eval_period {period}")["tuning"]["pruner"]
    # what TorchAL's loop does, epoch by epoch: validate each period, and ask the pruner at every twentieth from 20 on
    asked = [e for e in range(epochs) if (e + 1) % period == 0 and e >= 20 and e % 20 == 0]
    assert bool(pruner) == bool(asked) == prunes


def test_labels_in_per_cent_that_are_none_are_told_as_counts():
    made = draft("--budget_size 2500 --step_partition 10")
    assert "2500 of 50000 rows, 5%" in told(made, "changed")
    assert "--step_partition" not in told(draft("--step_partition 10"), "changed")


def test_the_program_with_automl_trains_what_its_configuration_names(configured):
    made = draft("--model_type resnet_2 --model_depth 18 --cfg step.yaml", folder=configured)
    assert made.document["model"] == "resnet50"
    assert "resnet_2 of depth 50" in told(made, "changed")
    plain = draft("--model_type resnet_2 --model_depth 18 --cfg step.yaml", "train_al", configured)
    assert plain.document["model"] == "resnet18"


def test_a_schedule_counts_for_sgd_without_automl_alone(configured):
    step = {"name": "step", "at": [0.25, 0.5], "factor": 0.2, "warmup": 0.05}
    sgd = document(f"{VGG} --optim sgd --cfg step.yaml", "train_al", configured)["recipe"]
    adam = document(f"{VGG} --cfg step.yaml", "train_al", configured)["recipe"]
    assert (sgd["schedule"], adam.get("schedule")) == (step, None)
    assert "schedule" not in document("--cfg step.yaml", folder=configured)["recipe"]


def test_training_without_automl_is_not_tuned_and_queries_only_if_asked_to():
    base = document(f"{VGG} --al_max_iter 5", "train_al")
    assert (base["tuning"], base["setting"]["cycles"]) == ({"scope": "fixed"}, 1)
    assert base["recipe"] | {"augment": 0} == {
        "epochs": 100, "optimizer": "adam", "lr": 3e-4, "weight_decay": 1e-4, "batch": 256, "augment": 0,
    }  # fmt: skip
    assert document(f"{VGG} --al_mode --al_max_iter 5", "train_al")["setting"]["cycles"] == 5


def test_averaging_over_no_epochs_is_left_out_and_told():
    made = draft("--swa_mode")
    assert "swa" not in made.document["recipe"]
    assert "nothing to average" in told(made, "lost")


def test_bald_on_a_network_without_dropout_is_told():
    words = "--sampling_fn bald --dropout_iterations 25"
    assert "has no dropout" in told(draft(f"{words} --model_type resnet_2 --model_depth 18"), "changed")
    assert "has no dropout" not in told(draft(words), "changed")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--sampling_fn uncertanty", "none of TorchAL's; did you mean 'uncertainty'"),
        ("--model_type vgg_16", "did you mean 'vgg_1'"),
        ("--model_type resnet_2 --model_depth 34", "TorchAL has depth 18, 50"),
        ("--budget_size many", "'many' is no whole number"),
        ("--budget_size", "expected one argument"),
        ("--swa_ 3", "ambiguous option"),
    ],
)
def test_what_torchal_would_refuse_is_refused_with_its_line(words, message):
    with pytest.raises(ValueError, match=f"line 1: .*{message}"):
        draft(words)


def test_a_value_that_cannot_be_is_refused_with_field_and_line(tmp_path):
    (tmp_path / "run.sh").write_text(f"\npython tools/main_aml.py {USUAL} --al_max_iter 0")
    with pytest.raises(ValueError, match=r"run\.sh: line 2: setting.*cycles: 0 is below 1"):
        migrate(tmp_path / "run.sh")


# --- index files ------------------------------------------------------------------------------------------------------


def index_files(folder: Path, number: int, validation: int) -> str:
    found = published(number, validation, 50_000)
    for kind, rows in (("l", found.labelled), ("u", found.pool), ("val", found.validation)):
        np.save(folder / f"{kind}Set_C.npy", np.array(rows.tolist(), dtype=object), allow_pickle=True)
    return " ".join(f"--{kind}SetPath {folder}/{kind}Set_C.npy" for kind in ("l", "u", "val"))


def test_published_sets_are_known_by_their_rows_whatever_they_are_called(tmp_path):
    words = index_files(tmp_path, 3, 2500)
    assert document(words)["partition"] == {"published": 3, "validation": 2500}
    rows = np.load(tmp_path / "lSet_C.npy", allow_pickle=True)
    np.save(tmp_path / "lSet_C.npy", rows[::-1], allow_pickle=True)
    assert document(words)["partition"] == {"imported": str(tmp_path)}


def test_sets_that_lie_apart_are_not_taken_for_others(tmp_path, configured):
    (tmp_path / "valSet.npy").write_bytes((configured / "valSet_X.npy").read_bytes())
    words = f"--lSetPath {configured}/lSet_X.npy --uSetPath {configured}/uSet_X.npy --valSetPath {tmp_path}/valSet.npy"
    made = draft(f"--dataset SVHN {words}")
    assert made.document["partition"]["labelled"] == "10%"
    assert "alone in one folder" in told(made, "lost")


@pytest.mark.parametrize(
    ("folder", "partition"),
    [
        ("CIFAR10/partition_5", {"published": 5}),
        ("CIFAR10/val-set-2.5k/partition_1", {"published": 1, "validation": 2500}),
        ("CIFAR10/imbalanced/partition_1", {**DRAWN, "imbalance": "torchal"}),
        ("CIFAR10/mine/1", DRAWN),
    ],
)
def test_names_of_sets_that_are_not_here_tell_the_published_ones(folder, partition):
    words = " ".join(f"--{kind}SetPath /x/{folder}/{kind}Set_CIFAR10.npy" for kind in ("l", "u", "val"))
    assert document(words)["partition"] == partition


# --- several commands -------------------------------------------------------------------------------------------------


def script(tmp_path, text: str) -> Path:
    (tmp_path / "run.sh").write_text(text)
    return tmp_path / "run.sh"


LOOP = f"""for seed in 1 2 3; do
  for fn in random coreset
  do
    python tools/main_aml.py {USUAL} --seed_id $seed --sampling_fn $fn --lSet_partition 2
  done
done
"""


def test_commands_that_differ_in_axes_are_one_experiment(tmp_path):
    (found,) = migrate(script(tmp_path, LOOP)).documents
    assert (found["strategy"], found["seed"]) == (["random", "coreset"], [1, 2, 3])
    assert len(ExperimentSpec.model_validate(found).runs()) == 6


def test_a_flag_that_one_of_the_commands_uses_is_not_told_as_lost(tmp_path):
    lines = [f"python main_aml.py {USUAL} --dropout_iterations 9 --sampling_fn {fn}\n" for fn in ("random", "bald")]
    found = migrate(script(tmp_path, "".join(lines)))
    assert found.documents[0]["strategy"] == ["random", {"name": "bald", "samples": 9}]
    assert "--dropout_iterations" not in told(found, "lost")
    assert "random" not in told(found, "note")
    assert "--dropout_iterations" in told(migrate(script(tmp_path, lines[0])), "lost")


def test_seeds_that_take_anothers_recipes_come_after_it(tmp_path):
    lines = [f"python main_aml.py {USUAL} --seed_id {seed} {'--reuse_aml' * (seed > 1)}\n" for seed in (3, 2, 1)]
    (found,) = migrate(script(tmp_path, "".join(lines))).documents
    assert (found["seed"], found["tuning"]["scope"]) == ([1, 3, 2], "first_seed")


def test_partitions_are_listed_by_number(tmp_path):
    lines = [f"python main_aml.py {USUAL} --lSet_partition {number}\n" for number in (1, 4)]
    (found,) = migrate(script(tmp_path, "".join(lines))).documents
    assert found["partition"] == {"published": [1, 4]}


def test_commands_that_are_no_product_stay_apart(tmp_path):
    lines = [f"python main_aml.py {USUAL} {more}\n" for more in ("", "--seed_id 2 --sampling_fn coreset")]
    found = migrate(script(tmp_path, "".join(lines)))
    assert [each["name"] for each in found.documents] == ["run-1", "run-2"]
    assert len(list(yaml.safe_load_all(found.text()))) == 2
    with pytest.raises(ValueError, match="2 experiments; give the name of a folder"):
        found.save(tmp_path / "x.yaml")
    assert [file.name for file in found.save(tmp_path / "both")] == ["run-1.yaml", "run-2.yaml"]
    assert all(ExperimentSpec.read(file).runs() for file in (tmp_path / "both").iterdir())


# --- the shell --------------------------------------------------------------------------------------------------------

SCRIPTS = [
    "python main_aml.py --a 'x y' \"p q\" r\\ s",
    'a=1; b=$a$a c="$b 2"; python main_aml.py $a ${b} $c "$c" \'$c\' \\$c x$a-y',
    'e=; python main_aml.py $e "$e" x$e "" end',
    'w="  two   words "; python main_aml.py a${w}b $w "$w"',
    "python main_aml.py a \\\n b \\\n  c # d\npython train_al.py e#f '#' \"# g\" #h",
    "# don't\na=5 # it's\npython main_aml.py $a",
    "export a=1 b=2; readonly c=3; python main_aml.py $a$b$c > /dev/stdout 2>&1",
    'for s in 1 "2 3" $(true); do for t in x y; do python main_aml.py $s "$s" $t; done; done; python train_al.py $s',
    "X=9 python main_aml.py a=b c; python main_aml.py\nif true; then python train_al.py z; fi",
    'python main_aml.py "a\\"b\\$c\\`d\\e" a\\"b \'a"b\' "a\'b"',
    "l='--x 1 --y'; python main_aml.py $l 2>/dev/null; { python main_aml.py q; }",
    "python main_aml.py a&&python train_al.py b|cat",
    "a=1\nb='x # y'\npython main_aml.py \"$b\" $b\na=2 b=$a; python main_aml.py $a $b",
]


@pytest.mark.parametrize("text", SCRIPTS)
def test_words_are_those_that_bash_would_pass(text):
    """The oracle is bash itself, on scripts of our own, with a function in python's place."""
    shown = "python() { local p=$1; shift; printf 'P%s\\n' \"$p\"; for each; do printf '%s\\0\\n' \"$each\"; done; }\n"
    said = subprocess.run(["bash", "-c", shown + text], capture_output=True, text=True, check=True).stdout
    ours = [each for each in read(text.replace("$(true)", "")) if isinstance(each, Command)]
    assert "".join(chain.from_iterable((f"P{c.program}.py\n", *(f"{w}\0\n" for w in c.words)) for c in ours)) == said


HOSTILE = [
    "python main_aml.py {usual} --seed_id $(touch {trap})",
    "python main_aml.py {usual} --seed_id `touch {trap}`",
    "touch {trap}; python main_aml.py {usual}",
    "python main_aml.py {usual} && touch {trap}",
    "x=$(touch {trap})\npython main_aml.py {usual} --out_dir $x",
    "python main_aml.py {usual} --out_dir ${{x:=$(touch {trap})}}",
    'python main_aml.py {usual} --out_dir "a $(touch {trap}) b"',
    "python main_aml.py {usual} <(touch {trap})",
    "for s in $(touch {trap}); do python main_aml.py {usual} --seed_id $s; done",
    "python main_aml.py {usual} $(touch {trap})",
    "python main_aml.py {usual} --cfg {folder}/hostile.yaml",
    "eval touch {trap}\npython main_aml.py {usual}",
    "sh -c 'touch {trap}'; source {folder}/hostile.sh; python main_aml.py {usual}",
    "$x tools/main_aml.py {usual} --clf_epochs $1 --num_aml_trials $2",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_is_executed_and_what_only_a_shell_knows_is_told(tmp_path, text):
    trap = tmp_path / "trap"
    (tmp_path / "hostile.yaml").write_text(f"a: !!python/object/apply:os.system ['touch {trap}']")
    (tmp_path / "hostile.sh").write_text(f"touch {trap}")
    made = migrate(script(tmp_path, text.format(trap=trap, usual=USUAL, folder=tmp_path)))
    assert not trap.exists()
    assert all(ExperimentSpec.model_validate(each) for each in made.documents)
    lost = told(made, "lost")
    assert "nothing is executed" in lost or "is not executed" in lost or "is not readable" in lost


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("python main_aml.py 'open", "line 1: the quote ' is never closed"),
        ('\npython main_aml.py "open', 'line 2: the quote " is never closed'),
        ("python main_aml.py $(open", r"line 1: \$\( is never closed"),
        ("python main_aml.py `open", "line 1: ` is never closed"),
        ("echo 1", "calls neither main_aml.py nor train_al.py"),
        ("", "calls neither"),
        ("a=" + "x" * 200_000, "more than 100000 characters"),
        ("a=xxxxxxxxxxxxxxxx\n" + "a=$a$a$a$a$a$a$a$a\n" * 30, "line 6: a is longer than"),
        ("for a in 1 2 3 4 5; do " * 8 + "python main_aml.py x\n" + "done\n" * 8, "loops more than 500 times"),
        ("python main_aml.py\n" * 501, "more than 500 commands"),
        ("for a in 1 2 3 4 5 6 7 8 9; do " * 8 + "x=1\n" + "done\n" * 8, "loops more than 500 times"),
        ("for a in 1; do " * 20 + "python main_aml.py x\n" + "done\n" * 20, "loops more than 8 deep"),
    ],
)
def test_a_script_that_cannot_be_read_gets_a_sentence(tmp_path, text, message):
    with pytest.raises(ValueError, match=f"run.sh: .*{message}"):
        migrate(script(tmp_path, text))


def test_what_is_not_text_or_not_there_gets_a_sentence(tmp_path):
    (tmp_path / "run.sh").write_bytes(b"\xff\xfe\x00python main_aml.py")
    with pytest.raises(ValueError, match="is not text"):
        migrate(tmp_path / "run.sh")
    with pytest.raises(ValueError, match="there is no such file"):
        migrate(tmp_path / "none.sh")


def test_text_of_the_script_cannot_become_a_line_of_the_yaml(tmp_path):
    text = f"python main_aml.py {USUAL} --dataset 'X\nseed: 9\u2028name: evil\x07' --out_dir $(a\nname: b)"
    found = migrate(script(tmp_path, text))
    assert yaml.safe_load(found.text())["seed"] == 1
    assert yaml.safe_load(found.text())["name"] == "run"


def test_a_condition_around_a_command_is_told(tmp_path):
    found = migrate(script(tmp_path, f"if [ -d x ]; then\n python main_aml.py {USUAL}\nfi"))
    assert "line 1: if [ -d x ]: is a condition, and is taken to hold" in told(found, "lost")


def test_an_unclosed_loop_and_other_ends_of_files_are_read():
    assert [type(each) for each in read("for a in 1 2; do python main_aml.py $a")] == [Command, Command]
    assert read("echo a \\") == [Other(1, "echo a \\")]
    assert read("\n\n# only a comment") == []


# --- the verb ---------------------------------------------------------------------------------------------------------


def test_the_verb_prints_yaml_alone_on_standard_output_and_the_list_beside_it():
    result = CliRunner().invoke(app, ["migrate", str(EXAMPLES / "random_baseline.sh")])
    assert result.exit_code == 0
    assert yaml.safe_load(result.stdout) == PLAIN
    assert "Not carried over:" in result.stderr
    assert "--port 5035: no port is needed." in result.stderr


def test_the_verb_writes_a_file_once(tmp_path, monkeypatch, capsys):
    words = ["torchal", "migrate", str(EXAMPLES / "random_baseline.sh"), "-o", str(tmp_path / "x.yaml")]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert ExperimentSpec.read(tmp_path / "x.yaml").runs()
    before = (tmp_path / "x.yaml").read_bytes()
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert "exists already" in capsys.readouterr().err
    assert (tmp_path / "x.yaml").read_bytes() == before


def test_the_verb_answers_programs_in_json():
    result = CliRunner().invoke(app, ["migrate", str(EXAMPLES / "strong_baseline.sh"), "--json"])
    answer = json.loads(result.stdout)
    assert answer["experiments"] == [STRONG]
    assert {"what": "--port 5035", "why": "no port is needed"} in answer["lost"]

"""What a command buys: by whom the rows are chosen, how many, and how often."""

from typing import Any

from torchal.migrate.draft import Draft
from torchal.migrate.table import table
from torchal.spec import nearest, one_or_many

_VAAL = {"z_dim": "latent", "vae_bs": "batch", "epochs": "epochs", "vae_lr": "lr", "beta": "beta"}
_VAAL |= {"adv_param": "adversary"}


def strategy(draft: Draft) -> None:
    """Put what chooses.

    Raises:
        ValueError: if TorchAL has no such function.
    """
    name, known = str(draft["--sampling_fn"]), table().strategies
    found = known.get(name) or {each.lower(): value for each, value in known.items()}.get(name.lower())
    if found is None:
        raise ValueError(f"--sampling_fn {name}: is none of TorchAL's{nearest(name, known)}")
    draft.put("strategy", dict(found), "--sampling_fn")
    options = {"bald": _samples, "dbal": _samples, "uncertainty_bins": _bins, "qbc": _members, "vaal": _vaal}
    if found["name"] in options:
        options[found["name"]](draft)


def compared(draft: Draft) -> None:
    """Tell if nothing is there to compare with."""
    if not any(each == "random" for each in one_or_many(draft.document["strategy"])):
        why = "is what others are compared with; add it to strategy to learn whether they beat it"
        draft.say("note", "random", why)


def _samples(draft: Draft) -> None:
    name = draft.document["strategy"]["name"]
    if draft["--dropout_iterations"] >= 2:
        draft.put("strategy.samples", draft["--dropout_iterations"], "--dropout_iterations")
    else:
        why = f"are too few for {name}, which then takes 25"
        draft.say("changed", draft.given.told("--dropout_iterations"), why, "--dropout_iterations")
    model = draft.document["model"]["name"]
    if model.startswith(("resnet", "shake", "wrn50")) or draft.document["model"].get("dropout") == 0:
        why = f"has no dropout, so that TorchAL ranks rounding errors for {name}; here it is refused: set model.dropout"
        draft.say("changed", model, why)


def _bins(draft: Draft) -> None:
    bins = draft["--uc_n_bins"]
    if bins:
        draft.put("strategy.bins", bins, "--uc_n_bins")
    elif draft.key("ACTIVE_LEARNING.N_BINS"):
        draft.put("strategy.bins", int(draft.number("ACTIVE_LEARNING.N_BINS", 500)), "ACTIVE_LEARNING.N_BINS")


def _members(draft: Draft) -> None:
    if draft["--num_ensembles"]:
        draft.put("strategy.members", draft["--num_ensembles"], "--num_ensembles")
    why = "members are trained by the cycle's own recipe, and ties are broken by the entropy of what they say together"
    draft.say("changed", draft.given.told("--sampling_fn"), why)


def _vaal(draft: Draft) -> None:
    """Put the options that were given; the others are the same here."""
    for theirs, ours in _VAAL.items():
        flag = f"--vaal_{theirs}"
        if flag in draft.given.flags:
            draft.put(f"strategy.{ours}", draft[flag], flag)


def setting(draft: Draft) -> None:
    """Put how many rows are bought, and how often."""
    if draft.given.automl or draft["--al_mode"]:
        draft.put("setting.cycles", draft["--al_max_iter"], "--al_max_iter", *_if(draft, "--al_mode"))
    else:
        draft.put("setting.cycles", 1, "--al_mode")
    draft.put("setting.budget", draft["--budget_size"], "--budget_size")
    _percent(draft)
    theirs = draft.number("ACTIVE_LEARNING.BUDGET_SIZE", draft["--budget_size"])
    if draft.given.automl and theirs != draft["--budget_size"]:
        why = f"the configuration has {theirs:g}, so that TorchAL would have stopped after the first search"
        draft.say("changed", draft.given.told("--budget_size"), why)


def _if(draft: Draft, flag: str) -> tuple[str, ...]:
    return (flag,) if draft[flag] else ()


def _percent(draft: Draft) -> None:
    """Tell where the per cent that TorchAL calls its results by are not what it labels."""
    known = table().datasets.get(str(draft["--dataset"]).upper())
    budget, step = draft["--budget_size"], draft["--step_partition"]
    if known and draft["--al_max_iter"] > 1 and abs(known.rows * step / 100 - budget) >= 1:
        bought = f"a query buys {budget} of {known.rows} rows, {100 * budget / known.rows:.3g}%"
        why = f"{bought}, whatever TorchAL calls it; here budgets are counts, and reports tell rows"
        draft.say("changed", draft.given.told("--step_partition"), why, "--step_partition")


def seed(draft: Draft) -> None:
    """Put the replication, after the one whose recipes it takes."""
    own, first = draft["--seed_id"], draft["--reuse_aml_seed"]
    if draft["--reuse_aml"] and first != own:
        draft.put("seed", [first, own], "--reuse_aml_seed", "--seed_id")
    else:
        draft.put("seed", own, "--seed_id")


def tidy(document: dict[str, Any], *axes: str) -> None:
    """Write plug-ins without options by their bare names."""
    for axis in axes:
        value = document[axis]
        document[axis] = value["name"] if isinstance(value, dict) and set(value) == {"name"} else value

"""How a command trains: the network, its recipe, and how the recipe is found."""

from typing import Any

from torchal.migrate.draft import Draft
from torchal.migrate.table import Network, table
from torchal.spec import nearest

_FIRST, _BETWEEN = 20, 20
"""Epochs after which TorchAL first asks its pruner, and from one time to the next."""


def model(draft: Draft) -> None:
    """Put the network: what the configuration names, where the program goes by that, else what the flags name."""
    kind, depth = draft["--model_type"], draft["--model_depth"]
    sources = ["--model_type", "--model_depth"]
    if draft.given.automl:
        theirs = draft.key("MODEL.TYPE"), draft.key("MODEL.DEPTH")
        if not draft.given.keys or (theirs[0] in (None, kind) and theirs[1] in (None, depth)):
            pass
        else:
            kind, depth = theirs[0] or kind, theirs[1] or depth
            sources = ["MODEL.TYPE", "MODEL.DEPTH"]
            told = ", ".join(draft.given.told(flag) for flag in ("--model_type", "--model_depth"))
            why = f"main_aml.py trains what its configuration names, {kind} of depth {depth}; so does the experiment"
            draft.say("changed", told, why, "--model_type", "--model_depth")
    draft.put("model", _network(draft, kind, depth), *sources)


def transfer(draft: Draft) -> None:
    """Put the network that is trained on what another one chose."""
    if not draft["--isTransferExp"]:
        return
    kind, depth = draft["--transfer_model_type"], draft["--transfer_model_depth"]
    target = _network(draft, kind, depth)
    draft.put("transfer", [target], "--isTransferExp", "--transfer_model_type", "--transfer_model_depth")
    why = "the network that chose is computed as well, in one experiment, where TorchAL takes its sets from a folder"
    draft.say("changed", "--isTransferExp", why)


def _network(draft: Draft, kind: Any, depth: Any) -> dict[str, Any]:
    """Return a network of TorchAL's as it is called here.

    Raises:
        ValueError: if TorchAL has none of that type and depth.
    """
    known = table().networks
    alike = [each for each in known if each.type == kind]
    found: Network | None = next((each for each in alike if each.depth in (None, depth)), None)
    if found is None and alike:
        depths = ", ".join(str(each.depth) for each in alike)
        raise ValueError(f"model type {kind} of depth {depth}: TorchAL has depth {depths}; mend the script")
    if found is None:
        raise ValueError(f"model type {kind}: is none that TorchAL builds{nearest(str(kind), [n.type for n in known])}")
    if found.but:
        draft.say("changed", f"{kind} of depth {depth}", f"is {found.model['name']} here; {found.but}")
    return dict(found.model)


# --- the recipe -------------------------------------------------------------------------------------------------------


def recipe(draft: Draft) -> None:
    """Put how a network is trained."""
    draft.put("recipe.epochs", draft["--clf_epochs"], "--clf_epochs")
    if not draft.given.automl:
        _optimizer(draft)
    elif draft.number("OPTIM.MOMENTUM", 0.9) != 0.9:
        draft.put("recipe.momentum", draft.number("OPTIM.MOMENTUM", 0.9), "OPTIM.MOMENTUM")
    if draft["--isimbalanced"]:
        draft.put("recipe.class_weights", "balanced", "--isimbalanced")
    draft.put("recipe.augment.standard", value=True)
    if draft["--rand_aug"]:
        numbers = "--rand_aug_N", "--rand_aug_M"
        for name, flag in zip(("operations", "magnitude"), numbers, strict=True):
            draft.put(f"recipe.augment.randaugment.{name}", draft[flag], "--rand_aug", flag)
    if draft["--swa_mode"]:
        _averaging(draft)


def _averaging(draft: Draft) -> None:
    if not draft["--swa_epochs"]:
        draft.say("lost", "--swa_mode", "with --swa_epochs 0 there is nothing to average; give it epochs", "--swa_mode")
        return
    for name, flag in {"epochs": "--swa_epochs", "lr": "--swa_lr", "every": "--swa_freq"}.items():
        draft.put(f"recipe.swa.{name}", draft[flag], "--swa_mode", flag)
    why = "averaging is part of every training here, where TorchAL has averaged and plain networks compete"
    draft.say("changed", "--swa_mode", why)


def _optimizer(draft: Draft) -> None:
    """Put what the search would otherwise find."""
    flags = {"lr": "--lr", "weight_decay": "--wt_decay", "batch": "--train_batch_size"}
    draft.put("recipe.optimizer", str(draft["--optim"]).lower(), "--optim")
    for name, flag in flags.items():
        draft.put(f"recipe.{name}", draft[flag], flag)
    if draft.document["recipe"]["optimizer"] == "sgd":
        draft.put("recipe.momentum", draft["--optim_mom"], "--optim_mom")
        if draft["--nesterov"]:
            draft.put("recipe.nesterov", draft["--nesterov"], "--nesterov")
        if draft.given.keys:
            _schedule(draft)


def _schedule(draft: Draft) -> None:
    """Put the schedule of ``train_al.py`` for SGD, whose times are epochs in TorchAL and shares here."""
    epochs, policy = draft["--clf_epochs"], draft.key("OPTIM.LR_POLICY") or "cos"
    if policy == "cos":
        draft.put("recipe.schedule.name", "cosine", "OPTIM.LR_POLICY")
    steps = draft.key("OPTIM.STEPS")
    at = [step / epochs for step in steps if 0 < step < epochs] if isinstance(steps, list) else []
    if policy == "steps" and at:
        draft.put("recipe.schedule.name", "step", "OPTIM.LR_POLICY")
        draft.put("recipe.schedule.at", at, "OPTIM.STEPS")
        draft.put("recipe.schedule.factor", draft.number("OPTIM.LR_MULT", 0.1), "OPTIM.LR_MULT")
    if policy not in ("cos", "steps"):
        draft.say("lost", f"OPTIM.LR_POLICY {policy}", "there is no such schedule; the rate is constant")
    warmup = draft.number("OPTIM.WARMUP_EPOCHS", 0)
    if warmup:
        draft.put("recipe.schedule.warmup", warmup / epochs, "OPTIM.WARMUP_EPOCHS")


# --- the search -------------------------------------------------------------------------------------------------------


def tuning(draft: Draft) -> None:
    """Put how the recipe is found: by TorchAL's search, or not at all."""
    if not draft.given.automl:
        draft.put("tuning.scope", "fixed")
        return
    reuses = draft["--reuse_aml"]
    draft.put("tuning.trials", draft["--num_aml_trials"], "--num_aml_trials")
    draft.put("tuning.scope", "first_seed" if reuses else "every_run", *(["--reuse_aml"] if reuses else []))
    draft.put("tuning.space", "strong" if draft["--rand_aug"] else "paper", *_strong(draft))
    draft.put("tuning.pruner", _pruner(draft), "--eval_period", "--clf_epochs")
    draft.put("tuning.retrain", value=False)


def _strong(draft: Draft) -> list[str]:
    return ["--rand_aug"] if draft["--rand_aug"] else []


def _pruner(draft: Draft) -> dict[str, Any] | None:
    """Return TorchAL's pruner, which is asked at certain epochs if these are validated; None if it never is."""
    asked = range(_FIRST, draft["--clf_epochs"], _BETWEEN)
    if any((epoch + 1) % max(1, draft["--eval_period"]) == 0 for epoch in asked):
        return {"name": "halving", "least": _FIRST, "factor": 4}
    return None

# %% [markdown]
# # 2. AutoML per cycle
#
# *Seven minutes. Needs nothing from tutorial 1 but its words: partition, cycle, paired.*
#
# A network trained on 40 labels wants another learning rate than one trained on 400. And a strategy whose recipe was
# tuned with more care than its baseline's will win for that alone.
#
# **Afterwards you will know**
#
# - how to manufacture a gain without any active learning, and how to recognise one in somebody else's table;
# - how torchal searches for a recipe anew in every cycle, with the same effort for every strategy;
# - where to see what a search chose, and what it cost.

# %%
import pandas as pd

import torchal
from torchal.notebook import Picture
from torchal.report import costs, insight
from torchal.report.frame import scores

BASE = {
    "dataset": "digits",
    "model": {"name": "mlp", "hidden": [32], "dropout": 0},
    "strategy": ["random", "margin"],
    "partition": {"drawn": [1, 2, 3], "labelled": 40, "validation": 60},
    "seed": 1,
    "setting": {"cycles": 2, "budget": 40},
}

# %% [markdown]
# ## How to manufacture a gain
#
# Two recipes, which differ in the learning rate alone. Giving a list where one value would do makes two
# **conditions** of them, and each strategy is compared with random under the *same* condition.

# %%
recipe = {"optimizer": "adam", "epochs": 8, "batch": 32}
fair = torchal.compute(
    BASE | {"name": "rates", "recipe": [recipe | {"lr": 3e-3}, recipe | {"lr": 2e-2}], "tuning": {"scope": "fixed"}}
)
columns = ["condition", "strategy", "aubc", "difference", "low", "high", "verdict"]
fair.summary[columns].round(3)

# %% [markdown]
# `aubc` is the area under the budget curve: accuracy averaged over the budget. `difference` is what a strategy is
# ahead of random, and `low` to `high` its 95 % interval.
#
# Now we cheat. Take margin from the better recipe, and random from the worse one, as happens when a baseline is
# copied from an old paper or trained "with default settings" while one's own method is polished:

# %%
last = (
    scores(fair.table)
    .query("cycle == 1")
    .pivot_table(index="partition", columns=["condition", "strategy"], values="value")
)
slow, quick = list(dict.fromkeys(fair.summary["condition"]))
if last[quick].to_numpy().mean() < last[slow].to_numpy().mean():
    slow, quick = quick, slow
gains = {
    "margin - random, both with the better recipe": last[quick]["margin"] - last[quick]["random"],
    "margin with the better - random with the worse": last[quick]["margin"] - last[slow]["random"],
    "random with the better - random with the worse": last[quick]["random"] - last[slow]["random"],
}
pd.DataFrame({name: 100 * gain for name, gain in gains.items()}).T.round(1)

# %% [markdown]
# Compare the second row with the third. The "gain" of active learning is there without any active learning: it
# belongs to the recipe. In torchal this comparison cannot be asked for. An experiment is a product, so a recipe that
# one strategy has, all have.
#
# ## A search in every cycle
#
# Fixing one recipe for all is equal, but not yet fair: it may happen to suit one strategy's rows, or the first cycle
# and not the last. So the *search* is made equal instead: in every cycle, for every strategy, so many trials, chosen
# by accuracy on the validation rows.

# %%
tuned = torchal.compute(
    BASE
    | {
        "name": "searched",
        "partition": {"drawn": [1, 2], "labelled": 40, "validation": 60},
        "recipe": recipe,
        "tuning": {
            "trials": 5,
            "pruner": None,
            "space": {
                "lr": {"low": 1e-3, "high": 1e-1, "log": True},
                "weight_decay": {"low": 1e-6, "high": 1e-2, "log": True},
            },
        },
    }
)
print(tuned.sentence)

# %% [markdown]
# Look how wide that interval is: with two partitions there is one degree of freedom, and next to nothing can be said.
# We want to see the search here, not the verdict.
#
# What was tried lies in the results, trial by trial. A row here is one search: the validation accuracy of its worst
# and best trial, and what was chosen.

# %%
rows = [
    {
        "partition": search.partition,
        "labelled": search.labelled,
        "for": ", ".join(search.strategies),
        "trials": len(search.record.trials),
        "worst": min(trial.value for trial in search.record.trials),
        "best": search.chosen.value,
        **search.chosen.proposal,
    }
    for search in tuned.findings.searches.found
]
pd.DataFrame(rows).round(5)

# %% [markdown]
# The gap between `worst` and `best` is what is at stake: set it beside the gain that you hope for from a strategy.
# And note who a search is for. In the first cycle nothing has been chosen yet, so all strategies have the same labels
# and share one search.
#
# Dots are chosen learning rates, the line is their median:

# %%
(story,) = insight.told(tuned.findings.searches, tuned.findings.style)
print(*story.sentences, sep="\n")
Picture(story.moves[0])

# %% [markdown]
# With five trials a search is itself a lottery; do not read a law into two points. That is why the paper that torchal
# implements gives each search fifty.
#
# ## Equal effort, and the receipt
#
# The ledger counts what each strategy's runs used:

# %%
ledger = pd.DataFrame(costs.document(tuned.findings.ledger)["used"])
ledger[ledger["activity"] == "tuning"][["strategy", "activity", "runs", "trials", "epochs"]]

# %% [markdown]
# and `check` holds the whole protocol against what is recommended. Here are the rules about tuning:

# %%
tuned.check().query("rule in ['tuning', 'effort', 'validation']").reset_index(drop=True)

# %% [markdown]
# A warning there is no scolding, it is what a reviewer would ask.
#
# One more thing to be wary of: the accuracy by which a recipe was *chosen* is the highest of several, and so flatters
# on average, by an amount that tutorial 3 works out. Only the test side, which no search ever sees, says how good a
# network is.
#
# ## Exercise
#
# 1. Set `"scope": "every_run"` and give two seeds. Who searches now, and how much more does it cost? `torchal plan`
#    would have told you beforehand.
# 2. In a paper of your choice, find the sentence that says how the baseline was tuned. If there is none, which row of
#    our table of gains might its headline be?
#
# ## Read on
#
# Next: [3. Budget and validation size](03_budget_and_validation.ipynb). Samplers, pruners, spaces and scopes:
# [tuning](../tuning.md). What scopes change in the end: [results on tuning](../results/tuning.md). The ledger:
# [cost](../cost.md).

# %% [markdown]
# # 3. Budget and validation size
#
# *Six minutes.*
#
# Two numbers that are often passed over in a sentence decide a comparison: how many labels are bought at a time, and
# how many are set aside to validate.
#
# **Afterwards you will know**
#
# - why gains at different budgets are different claims, and how to compare conditions;
# - what a small validation set does to tuning, and what a large one hides;
# - which of the two your own experiment should spend labels on.

# %%
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd

import torchal
from torchal import ExperimentSpec, Host
from torchal.launch import planned

_ = alt.renderers.enable("png", ppi=100)

# %% [markdown]
# ## Few labels often, or many seldom?
#
# Both conditions go from 40 labels to 80. One buys 20 at a time and trains in between; the other buys 40 at once.
# Buying often costs more training and lets a strategy correct itself; buying in bulk risks that all rows of a batch
# are alike.

# %%
experiment = {
    "name": "budgets",
    "dataset": "digits",
    "model": {"name": "mlp", "hidden": [32], "dropout": 0},
    "strategy": ["random", "margin"],
    "partition": {"drawn": [1, 2, 3], "labelled": 40, "validation": 40},
    "seed": 1,
    "setting": [{"cycles": 3, "budget": 20}, {"cycles": 2, "budget": 40}],
    "recipe": {"optimizer": "adam", "lr": 2e-2, "epochs": 8, "batch": 32},
    "tuning": {"scope": "fixed"},
}
found = torchal.compute(experiment)
found.summary[["condition", "strategy", "difference", "low", "high", "n", "verdict"]].round(3)

# %% [markdown]
# The verdict has a line for each condition, and a last one on whether the condition *matters*. That last line
# compares gains, pair by pair, on the same partition:

# %%
print(found.sentence)

# %%
found.curves[0]

# %%
found.curves[1]

# %% [markdown]
# Beware of the usual short cut: "significant under one condition, not significant under the other, so the condition
# matters". Two intervals can fall on either side of a threshold and hardly differ. The question is whether the
# *difference between the gains* differs from zero, and that is what the last line answers. With three partitions it
# takes a large change to be clear.
#
# Compare strategies at labels paid for, never at cycle numbers: the third cycle of one condition has as many labels
# as the second of the other.
#
# ## Validation rows are labels too
#
# Tuning chooses by accuracy on validation rows. Suppose ten recipes are **all equally good**, each right in 80 % of
# cases. With n validation rows each gets a score that is right on average and off by chance, and the search takes the
# highest. How much does the winner flatter itself?

# %%
rng = np.random.default_rng(0)
sizes = [20, 50, 100, 200, 500, 1000, 2000]
rows = []
for n in sizes:
    seen = rng.binomial(n, 0.8, size=(4000, 10)) / n
    rows.append({"validation": n, "flattery": 100 * (seen.max(axis=1).mean() - 0.8), "noise": 100 * seen.std()})
luck = pd.DataFrame(rows)
luck.round(1)

# %%
long = luck.melt("validation", var_name="what", value_name="points")
x = alt.X("validation", scale=alt.Scale(type="log"), title="validation rows")
alt.Chart(long).mark_line(point=True).encode(x=x, y="points", color=alt.Color("what", title=None)).properties(
    width=420, height=220
)

# %% [markdown]
# `noise` is the standard deviation of one score, `flattery` how far the best of ten equal recipes lies above the
# truth. Neither harms the *test* accuracy by itself. But where recipes do differ by less than the noise, the search
# cannot tell them apart, and hands luck on to every later cycle. If the strategy you compare is expected to gain a
# point, look up in the table how many validation rows can see a point.
#
# ## But then, why not train on them?
#
# Somebody who has 500 labelled validation rows and 40 labelled training rows does not have 40 labels. A curve that
# begins at "40 labels" hides that. torchal says so before anything runs:

# %%
large = experiment | {"name": "large", "partition": {"drawn": [1], "labelled": 40, "validation": 400}}
plan = planned(ExperimentSpec.model_validate(large), Host(Path("results")))
print(*plan["warnings"], sep="\n")

# %% [markdown]
# There are three honest ways out, each a line of the spec:
#
# - `validation: {scale: 0.25}`: a quarter as many validation rows as labelled ones, in every cycle, so that they grow
#   together;
# - `validation: none` with a fixed recipe: no search, no hidden labels, and the question from tutorial 2 whether the
#   recipe is fair;
# - a list of sizes, which makes the size a condition and lets the report say whether it changes who wins.

# %%
growing = experiment | {"name": "growing", "setting": {"cycles": 3, "budget": 40}, "strategy": "random"}
growing["partition"] = {"drawn": [1], "labelled": 40, "validation": {"scale": 0.5}}
run = torchal.compute(growing).findings.experiment.records[0]
pd.DataFrame(
    [{"labelled": c.labelled, "validation": c.validation.examples, "test": c.test.examples} for c in run.cycles]
)

# %% [markdown]
# ## Exercise
#
# 1. Budgets need not be alike: `{"budget": [20, 60]}` makes three cycles. Which comparison would you make to learn
#    whether *early* labels should be chosen with more care?
# 2. Your labelling budget is 300 in all, validation included. How would you split it, for a search of ten trials, if
#    the recipes that you try differ by two points? Use the table.
#
# ## Read on
#
# Next: [4. Transfer](04_transfer.ipynb). Every condition with its line of YAML: [conditions](../conditions.md). How
# recipes are chosen: [tuning](../tuning.md).

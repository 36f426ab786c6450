# %% [markdown]
# # 4. Transfer
#
# *Six minutes.*
#
# Labels outlive networks. You pay for an active set once, chosen by the network of the day, and train its successors
# on it for years. Are rows that one network found informative good for another?
#
# **Afterwards you will know**
#
# - how to train one network on the rows that another chose, and read the matrix that comes out;
# - why a gain that does not transfer may still be real, and what it then is a gain *of*;
# - how to ask results a question in one sentence, and what *undecided* means.

# %%
import pandas as pd

import torchal
from torchal.notebook import Picture
from torchal.report import transfer

# %% [markdown]
# Two networks: a linear classifier and one with a hidden layer. `transfer: all` trains each of them on the rows that
# each of them chose. Nothing is queried twice; a network trained on foreign rows asks nothing at all.

# %%
found = torchal.compute(
    {
        "name": "transfer",
        "dataset": "digits",
        "model": [{"name": "mlp", "hidden": [], "dropout": 0}, {"name": "mlp", "hidden": [64], "dropout": 0}],
        "transfer": "all",
        "strategy": ["random", "margin"],
        "partition": {"drawn": [1, 2, 3], "labelled": 40, "validation": 40},
        "seed": 1,
        "setting": {"cycles": 2, "budget": 60},
        "recipe": {"optimizer": "adam", "lr": 2e-2, "epochs": 8, "batch": 32},
        "tuning": {"scope": "fixed"},
    }
)
pairs = transfer.matrix(found.findings.compared)
pairs[["source", "model", "mean", "low", "high", "n"]].assign(
    **{name: (100 * pairs[name]).round(1) for name in ("mean", "low", "high")}
)

# %% [markdown]
# `source` chose the rows, `model` was trained on them; `mean` is the gain over random in points, averaged over the
# budget. Random has a source as well, and its rows are the same whoever asks: they depend on the partition and not on
# a network.

# %%
(story,) = transfer.told(found.findings.compared)
print(story.sentence)
print(*(f"{number} = {name}" for number, name in enumerate(story.networks, 1)), sep="\n")
Picture(story.figures[0])

# %% [markdown]
# ## How to read the matrix
#
# The diagonal is what most papers report: a network learns from rows it chose itself. Off the diagonal, the rows are
# somebody else's.
#
# - Gain on the diagonal *and* beside it: the rows are good rows. They tell something about the data.
# - Gain on the diagonal alone: the rows suit the network that asked. That is a real gain, for as long as you keep
#   that network.
# - Gain nowhere: there is nothing to carry over, and the question was too early.
#
# Before you take any of these as found, look at `low` and `high`. A cell whose interval holds zero is compatible with
# all three.
#
# ## Asking in one sentence
#
# A **claim** says a strategy, what it is compared with and by how much. The results answer *supported*, *refuted* or
# *undecided*, for every pair of networks:

# %%
print(found.claim("margin > random by 1.0"))

# %% [markdown]
# **Undecided is an answer**, and often the right one. It does not say "no effect". It says that the data are
# compatible with the claim and with its opposite, and what it would take to know. Somebody who reads *undecided* as
# *no* throws ideas away; somebody who reads it as *promising* reports noise.
#
# ## The same question for a single partition
#
# How different would our conclusion have been with one partition only? Each row below is what an experiment with that
# partition alone would have reported for the network that chose for itself:

# %%
from torchal.report.compare import gains

single = gains(found.findings.compared).query("source == ''")
single.assign(points=(100 * single["value"]).round(1)).pivot_table(index="partition", columns="model", values="points")

# %% [markdown]
# Every one of these could have been somebody's paper. Read down the columns, and see whether they would have agreed
# about the sign.

# %%
signs = single.groupby("model")["value"].agg(lambda v: f"{(v > 0).sum()} of {len(v)} partitions above random")
pd.DataFrame(signs.rename("what single experiments would have said"))

# %% [markdown]
# ## Exercise
#
# 1. Add a third, wider network under `transfer` alone: `"transfer": [{"name": "mlp", "hidden": [128], "dropout": 0}]`
#    in place of `"all"`. Which cells of the matrix exist now, and which network never chooses?
# 2. How many replications does `claim` say it would take? Run more partitions (`"drawn": [1, 2, 3, 4, 5, 6]`): only
#    the new ones are computed. Was the forecast right? Should it be?
#
# ## Read on
#
# Next: [5. Strong regularisation](05_strong_regularisation.ipynb). Rows that came from outside:
# [conditions](../conditions.md). Large and pretrained networks: [representations](../representations.md).

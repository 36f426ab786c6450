# %% [markdown]
# # 6. Your own data
#
# *Six minutes.*
#
# You have examples, some labels, and money for more. Before you spend it on a strategy, find out on the labels you
# have whether choosing pays at all.
#
# **Afterwards you will know**
#
# - how a file becomes a data set, and what to look at before any training;
# - why accuracy is the wrong number for rare classes, and where the others are;
# - how to put a gain into the unit that your budget has: labels;
# - how to choose the next rows to send to the people who label.

# %%
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

import torchal
from torchal.report import savings
from torchal.report.compare import intervals, minus
from torchal.report.frame import GROUP, scores

# %% [markdown]
# ## A file
#
# Let this be measurements of parts from a production line: most are good, some are scratched, few are cracked. We
# make them up; yours come from wherever `x` (numbers, a row for each example; or images as `uint8`) and `y` (whole
# numbers, or words) come from. `.npz`, `.npy` and `.safetensors` are read, and nothing in them is ever executed.

# %%
rng = np.random.default_rng(0)
names, shares = np.array(["good", "scratched", "cracked"]), [0.8, 0.14, 0.06]
y = rng.choice(3, size=1200, p=shares)
centres = rng.normal(size=(3, 12)) * 0.9
x = (centres[y] + rng.normal(size=(1200, 12))).astype(np.float32)
np.savez("parts.npz", x=x, y=names[y])

# %% [markdown]
# ## Look before you train
#
# Three questions cost a line each, and have ruined more studies than any strategy has saved. How often does each
# class occur? Are there copies, which may lie on both sides of a split? Is anything not a number?

# %%
data = np.load("parts.npz")
pd.DataFrame(
    {
        "rows": [len(data["x"])],
        "copies": [len(data["x"]) - len(np.unique(data["x"], axis=0))],
        "not finite": [int((~np.isfinite(data["x"])).sum())],
        **{name: [int((data["y"] == name).sum())] for name in names},
    }
)

# %% [markdown]
# ## Does choosing pay?
#
# All rows are labelled, so we can play the game from the beginning, several times: hide the labels, let strategies
# buy them back. The data set is named by its file; 30 % are held out as the test side, stratified, always the same.

# %%
found = torchal.compute(
    {
        "name": "parts",
        "dataset": {"name": "arrays", "path": "parts.npz", "test": "30%"},
        "model": {"name": "mlp", "hidden": [32], "dropout": 0},
        "strategy": ["random", "margin", "entropy"],
        "partition": {"drawn": [1, 2, 3, 4], "labelled": 20, "validation": 40},
        "seed": 1,
        "setting": {"cycles": 3, "budget": 20},
        "recipe": {"optimizer": "adam", "lr": 1e-2, "epochs": 10, "batch": 32},
        "tuning": {"scope": "fixed"},
    }
)
print(found.sentence)

# %%
found.curves[0]

# %% [markdown]
# ## Rare classes
#
# Whoever calls every part "good" is right in most cases, and useless. **Balanced accuracy** is the mean of the
# accuracies on each class, so that a cracked part counts as much as all good ones together. It was measured all
# along, and compared in the same way, pair by pair:

# %%
rows = []
for metric in ("accuracy", "balanced_accuracy", "macro_f1", "worst_class"):
    values = scores(found.table, metric=metric)
    last = values[values["labelled"] == values["labelled"].max()]
    gain = minus(last, [*GROUP, "partition", "seed", "cycle", "labelled"], "random")
    rows.append(intervals(gain, ["strategy"]).assign(metric=metric))
table = pd.concat(rows)[["metric", "strategy", "mean", "low", "high", "n"]].reset_index(drop=True)
table.round(3)

# %% [markdown]
# These are gains over random at the last budget, as shares. If the rows for accuracy and for balanced accuracy tell
# different stories, neither is wrong; they answer different questions. Decide which one is yours **before** you look,
# and report that one. Four metrics times two strategies are eight chances to find something, a matter that tutorial 7
# takes up.
#
# ## In labels
#
# "Two points better" is hard to weigh against an invoice. The same curves read sideways say how many labels random
# needs for what a strategy reached; the difference is what was saved.

# %%
saved = savings.savings(found.findings.compared)
saved[[name for name in saved.columns if name not in GROUP]].round(3)

# %% [markdown]
# Where random never gets as far within its own budget, the saving can only be bounded, and is told so rather than
# guessed. Savings can be negative: then choosing cost you labels.
#
# ## The next rows
#
# Suppose that choosing pays, or that you want to try. Your real pool has no labels at all. Train whatever model you
# use on what is labelled, and ask:

# %%
labelled = np.arange(60)
model = LogisticRegression(max_iter=500).fit(data["x"][labelled], data["y"][labelled])
rows_to_label = torchal.select("margin", probabilities=model.predict_proba(data["x"]), labelled=labelled, budget=10)
pd.DataFrame(model.predict_proba(data["x"][rows_to_label]), rows_to_label, model.classes_).round(2).head(5)

# %% [markdown]
# Each is a row about which the model cannot make up its mind between two answers. In a shell, `torchal select` does
# the same with files.
#
# Two pieces of advice for the real thing. Keep a **random** sample as validation and test rows, since rows that were
# chosen are no fair sample of anything. And keep labelling a few random rows beside the chosen ones: they are your
# only way of noticing that the strategy has led you into a corner.

# %%
Path("next.csv").write_text("\n".join(map(str, ["row", *rows_to_label])) + "\n")
print(Path("next.csv").read_text().splitlines()[:4])

# %% [markdown]
# ## Exercise
#
# 1. Have `"class_weights": "balanced"` in the recipe. Whose balanced accuracy rises more, random's or margin's? What
#    does that leave of the gain?
# 2. Copy fifty rows of `x` to the end of the file, with their labels, before it is saved. Which of the three
#    questions catches it, and what might it have done to the test accuracy?
#
# ## Read on
#
# Next: [7. Your own strategy](07_your_own_strategy.ipynb). Folders of images and data from the hub:
# [README](../../README.md). More than fits into memory: [large data](../large-data.md). Imbalance, noise, prices and
# strangers: [conditions](../conditions.md).

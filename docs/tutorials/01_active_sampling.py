# %% [markdown]
# # 1. Active sampling and reproducible active sets
#
# *Eight minutes. Nothing is downloaded.*
#
# Labels cost money. **Active learning** lets a model say which examples it wants labelled next, in the hope that
# fewer labels will do. The opponent is simple: choose at random. Most of the work in this field lies in finding out
# honestly who won.
#
# **Afterwards you will know**
#
# - how to ask a strategy for rows, from arrays of your own;
# - why a single run says nothing about which strategy is better, and what pairing does about it;
# - how an *active set*, the list of rows that was labelled, becomes something others can check.

# %%
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

import torchal

_ = alt.renderers.enable("png", ppi=100)

x, y = load_digits(return_X_y=True)
x = x / 16
order = np.random.default_rng(0).permutation(len(x))
pool, test = order[:1200], order[1200:]
x_pool, y_pool, x_test, y_test = x[pool], y[pool], x[test], y[test]


# %% [markdown]
# ## One query
#
# We pretend that twenty of 1,200 handwritten digits are labelled. A model is trained on them, and says how sure it is
# about all 1,200. A **strategy** reads that and answers with rows. `torchal.select` is all it takes, whatever your
# model is.


# %%
def trained(rows):
    return LogisticRegression(max_iter=500).fit(x_pool[rows], y_pool[rows])


labelled = np.random.default_rng(1).choice(1200, 20, replace=False)
facts = {"probabilities": trained(labelled).predict_proba(x_pool), "embeddings": x_pool, "labelled": labelled}
if facts["probabilities"].shape[1] < 10:
    print("A digit is missing among the labels: the model does not even know that it exists.")

picks = {name: torchal.select(name, budget=30, **facts) for name in ("random", "margin", "coreset")}
picks["margin"]

# %% [markdown]
# *margin* wants the rows whose two likeliest classes are closest, *coreset* those far from everything labelled,
# *random* ignores all that. Strategies look at the same pool, and the table counts the rows that they have in common:

# %%
names = list(picks)
pd.DataFrame([[len(set(picks[a]) & set(picks[b])) for b in names] for a in names], names, names)

# %% [markdown]
# Drawn on the pool's two leading principal components, the characters show a little. Margin gathers where classes
# meet. Coreset keeps its rows apart, though in all 64 dimensions, of which a plane hides most.

# %%
flat = PCA(2, random_state=0).fit_transform(x_pool).round(3)
plane = pd.DataFrame(flat, columns=["first", "second"])
chosen = pd.concat([plane.iloc[rows].assign(strategy=name) for name, rows in picks.items()])
grey = pd.concat([plane.iloc[::3].assign(strategy=name) for name in names])


def dots(table, colour, size):
    return alt.Chart(table).mark_circle(color=colour, size=size).encode(x="first", y="second")


panels = [
    alt.layer(dots(grey[grey["strategy"] == n], "#c8c8c8", 8), dots(chosen[chosen["strategy"] == n], "#D55E00", 40))
    for n in names
]
alt.hconcat(*(panel.properties(width=190, height=170, title=n) for panel, n in zip(panels, names, strict=True)))

# %% [markdown]
# ## The same answer every time
#
# A choice that cannot be repeated cannot be checked. torchal draws random numbers from an *address* (here: the seed
# you give), never from a global stream, so what else your program does changes nothing.

# %%
np.random.default_rng().random(1000)  # somebody draws numbers in between
again = {name: torchal.select(name, budget=30, **facts) for name in names}
other = torchal.select("random", budget=30, seed=1, **facts)
print("same rows again:", all(np.array_equal(again[name], picks[name]) for name in names))
print("another seed, same random rows:", np.array_equal(other, picks["random"]))

# %% [markdown]
# ## One run says nothing
#
# Now a whole loop: from 20 labels to 80 in three queries. We run it from eight different starts, with *margin* and
# with *random*, each pair of runs **from the same start**.


# %%
def accuracy(strategy, start):
    rows = np.random.default_rng(100 + start).choice(1200, 20, replace=False)
    for _cycle in range(3):
        known = {"probabilities": trained(rows).predict_proba(x_pool), "labelled": rows}
        rows = np.concatenate([rows, torchal.select(strategy, budget=20, seed=start, **known)])
    return 100 * trained(rows).score(x_test, y_test)


runs = pd.DataFrame([{"start": s, **{n: accuracy(n, s) for n in ("random", "margin")}} for s in range(8)])
runs["gain"] = runs["margin"] - runs["random"]
runs.round(1)

# %%
print(f"margin is ahead in {(runs['gain'] > 0).sum()} of {len(runs)} starts")
print(
    f"a paper with one start could report anything from {runs['gain'].min():+.1f} to {runs['gain'].max():+.1f} points"
)

# %% [markdown]
# That spread is the reason for everything that follows. With one start you report an anecdote, and if you may choose
# which start, you report a wish.
#
# Look at the columns once more. Some starts are lucky *for both*. Because each pair shares its start, that luck falls
# out of the difference. This is **pairing**, and it is free. How much it helps is the comparison of two standard
# deviations: that of the paired gain, and the one it would have had if each strategy had had starts of its own.

# %%
unpaired = np.hypot(runs["random"].std(), runs["margin"].std())
print(f"spread of the gain, paired: {runs['gain'].std():.1f} points; unpaired: {unpaired:.1f} points")

# %% [markdown]
# ## The loop as an experiment
#
# You need not write that loop. An experiment is a list of choices, and torchal runs every combination: here two
# strategies from three starts, called **partitions** since they also say which rows are pool and validation. A
# **cycle** is one training; between two cycles lies a query.

# %%
found = torchal.compute(
    {
        "name": "first",
        "dataset": "digits",
        "model": {"name": "mlp", "hidden": [64], "dropout": 0},
        "strategy": ["random", "margin"],
        "partition": {"drawn": [1, 2, 3], "labelled": 40, "validation": 40},
        "seed": 1,
        "setting": {"cycles": 3, "budget": 40},
        "recipe": {"optimizer": "adam", "lr": 1e-2, "epochs": 10, "batch": 32},
        "tuning": {"scope": "fixed"},
    }
)
print(found.sentence)

# %%
found.curves[0]

# %% [markdown]
# Faint lines are single runs, strong ones their means, bands are 95 % intervals. Both strategies share the first
# point exactly: they have the same start, the same initial weights and the same order of examples, and nothing has
# been chosen yet.
#
# ## Active sets that others can check
#
# What a strategy *did* is a list of rows. Write those lists down and anybody can train on them, with other software
# or another network, and see whether your gain is in the rows or elsewhere.

# %%
from torchal.export import export_index
from torchal.replay import replay

files = export_index(found.experiment, Path("results"), Path("sets"))
print(len(files), "files, such as", *sorted(str(file) for file in files if "margin" in str(file))[:4], sep="\n  ")

# %% [markdown]
# `manifest.json` among them holds a digest of every file and of the data, so that nobody trains on something else by
# accident. Replaying it queries nothing; it trains on the rows, cycle by cycle:

# %%
replayed = torchal.compute(replay(Path("sets/manifest.json")), "elsewhere")
key = ["strategy", "partition", "seed", "cycle", "side", "metric"]
both = found.table.merge(replayed.table, on=key, suffixes=("", "_replayed"))
print(f"{len(both)} numbers, of which {(both['value'] != both['value_replayed']).sum()} differ")

# %% [markdown]
# ## Exercise
#
# 1. Let `accuracy` start with 100 labels instead of 20. Does the spread of the gain grow or shrink? Why might early
#    results be the loudest?
# 2. Replay the sets with another network: `replay(Path("sets/manifest.json"), overrides=("model.hidden=[16]",))`.
#    What question does that answer? (Tutorial 4 asks it properly.)
#
# ## Read on
#
# Next: [2. AutoML per cycle](02_automl_per_cycle.ipynb). All strategies and their sources:
# [strategies](../strategies.md). What is held equal between them: [the protocol](../protocol.md).

# %% [markdown]
# # 7. Your own strategy
#
# *Eight minutes.*
#
# A strategy is a small class with one method. Writing one takes five minutes. Not fooling yourself about it takes the
# rest of this page.
#
# **Afterwards you will know**
#
# - how to write a strategy, and which promises it has to keep;
# - how to compare it with others on equal terms;
# - why the best of several ideas looks better than it is, and how a correction puts that right.

# %%
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import ttest_1samp

import torchal
from torchal.report import certainty
from torchal.report.compare import gains
from torchal.spec import load_file
from torchal.statistics.intervals import student
from torchal.statistics.paired import holm
from torchal.testing.strategies import failures

# %% [markdown]
# ## A file with a class
#
# Our idea: prefer rows about which the network is unsure, but at random among them, so that a batch is not all alike.
# The header says where the idea comes from, since readers will want to know.

# %%
source = '''"""Unsure at random: draw rows with a probability that grows with their uncertainty.

Our own rule, for a tutorial.
"""

import torch
from jaxtyping import Int64
from pydantic import Field
from torch import Tensor

from torchal import QueryContext, Strategy


class UnsureAtRandom(Strategy):
    """Draw rows without replacement, by their uncertainty to some power."""

    power: float = Field(2.0, ge=0)
    """0 is random, large values are least confidence."""
    order_free = False  # draws belong to positions, so a shuffled pool gives other rows

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return ctx.budget distinct positions in the pool."""
        unsure = (1 - ctx.probabilities.amax(1)).clamp(min=1e-12) ** self.power
        noise = torch.rand(ctx.size, generator=ctx.generator("draw"), dtype=torch.float64, device=ctx.device)
        return ctx.top(noise.clamp(min=1e-300).log() / unsure)
'''
Path("unsure_at_random.py").write_text(source)
strategy = load_file(Path("unsure_at_random.py"))
strategy.__doc__

# %% [markdown]
# `ctx` is all that a strategy knows: what the network says of the pool, what is labelled, how many rows are wanted.
# Labels of the pool are not hidden in there somewhere; they are not there. Random numbers come from `ctx.generator`,
# which belongs to this query, and so they are the same tomorrow.
#
# ## Promises
#
# Every strategy has to keep a few promises, or comparing it means nothing: exactly as many rows as asked for, none
# twice, the same answer whatever the global seeds, and the network left as it was. They are checked, not believed. (A
# strategy that need not look at the order of the pool promises that too, unless it says `order_free = False`, as ours
# does.)

# %%
kept = failures(strategy(power=2))
pd.DataFrame({"broken": [reason or "" for reason in kept.values()]}, [name.removeprefix("check_") for name in kept])

# %%
print("every promise is kept" if not any(kept.values()) else "not ready to be compared")

# %% [markdown]
# ## Ten ideas
#
# Nobody has one idea. You try a power of 1, of 2, of 4; a temperature; a second score. To see what that does, we add
# strategies of which we *know* that they are no better than random: **placebos**, that choose at random by another
# number. Any gain of theirs is luck.

# %%
placebo = '''"""A placebo: random under another name. Our own rule, for a tutorial."""

import torch
from jaxtyping import Int64
from torch import Tensor

from torchal import QueryContext, Strategy


class Placebo(Strategy):
    """Choose at random."""

    salt: int
    """Another number chooses other rows."""
    order_free = False

    def select(self, ctx: QueryContext) -> Int64[Tensor, " budget"]:
        """Return ctx.budget distinct positions in the pool."""
        return torch.randperm(ctx.size, generator=ctx.generator(f"salt {self.salt}"), device=ctx.device)[: ctx.budget]
'''
Path("placebo.py").write_text(placebo)
found = torchal.compute(
    {
        "name": "ideas",
        "dataset": "digits",
        "model": {"name": "mlp", "hidden": [32], "dropout": 0},
        "strategy": ["random", "unsure_at_random", *({"name": "placebo", "salt": salt} for salt in range(1, 8))],
        "partition": {"drawn": [1, 2, 3, 4, 5], "labelled": 40, "validation": 40},
        "seed": 1,
        "setting": {"cycles": 2, "budget": 40},
        "recipe": {"optimizer": "adam", "lr": 2e-2, "epochs": 8, "batch": 32},
        "tuning": {"scope": "fixed"},
    },
    files=["unsure_at_random.py", "placebo.py"],
)
found.forest[0]

# %% [markdown]
# Rings are partitions, points their means. Look at the placebos alone. They differ in nothing, and one of them leads:

# %%
placebos = found.summary[found.summary["strategy"].str.startswith("placebo")]
best = placebos.iloc[0]
mean, low, high = (100 * best[name] for name in ("difference", "low", "high"))
print(f"best of {len(placebos)} placebos: {best['strategy']}, {mean:+.1f} points")
print(f"95 % interval, for one comparison alone: {low:+.1f} to {high:+.1f}")

# %% [markdown]
# Had we written only *that* one down, with a good story why salting helps, nothing on the page would have given it
# away.
#
# ## What a correction does
#
# `p` is the chance that a strategy which is no better than random would be as far off as this. One in twenty such
# strategies has a p below 0.05, by definition. **Holm's correction** asks of the whole table instead: how likely is
# it that *any* of these verdicts is a false alarm? It never makes a p-value smaller.

# %%
sure = certainty.certainty(found.findings.compared)
sure[["strategy", "difference", "p", "p_holm"]].sort_values("p").round(3).reset_index(drop=True)

# %%
print(found.sentence)

# %% [markdown]
# One experiment cannot show how often luck strikes, so let us make up two thousand for each number of ideas, with
# five partitions and no true difference anywhere. In what share of them does at least one idea look better or worse
# than random?

# %%
rng = np.random.default_rng(0)
rows = []
for ideas in (1, 2, 5, 10, 20):
    draws = rng.normal(size=(2000, ideas, 5))
    p = ttest_1samp(draws, 0, axis=2).pvalue
    corrected = np.array([holm(each).min() for each in p])
    alarms = {"each by itself": (p.min(axis=1) < 0.05).mean(), "with Holm": (corrected < 0.05).mean()}
    rows.append({"ideas": ideas, **alarms})
pd.DataFrame(rows).round(2)

# %% [markdown]
# The correction has a price: with more ideas in the table, a true gain must be larger to be called one. The remedy is
# not to hide ideas. It is to spend replications on few of them, and to **confirm**: choose the best idea on some
# partitions, then test that one idea on *new* partitions, where it is one comparison again.

# %%
first = gains(found.findings.compared).pivot_table(index="partition", columns="strategy", values="value")
leader = first.iloc[:3].mean().idxmax()
seen, fresh = 100 * first[leader].iloc[:3].mean(), 100 * first[leader].iloc[3:].mean()
print(f"leader on three partitions: {leader}, {seen:+.1f} points; the same on the two others: {fresh:+.1f} points")

# %% [markdown]
# Chosen for being high, it tends to fall when looked at afresh. It need not on any one occasion, which is why two
# partitions do not confirm anything; but on average it does, and the more so the more ideas there were.
#
# An interval for one comparison alone is `student`; it is honest if there *was* one comparison:

# %%
pd.Series(student(first["unsure_at_random"].to_numpy())._asdict()).to_frame("unsure_at_random, as shares").T.round(3)

# %% [markdown]
# ## Exercise
#
# 1. Break a promise: draw `noise` with plain `torch.rand(ctx.size)`. Which check notices?
# 2. Test `{"name": "unsure_at_random", "power": 4}` against random on partitions 6 to 10 alone. Write your claim down
#    first, as a sentence for `found.claim(...)`.
#
# ## Read on
#
# Next: [8. Reading a report](08_reading_a_report.ipynb). All that a context can be asked for: [add a
# strategy](../add-a-strategy.md). What others do: [strategies](../strategies.md).

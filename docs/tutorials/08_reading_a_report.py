# %% [markdown]
# # 8. Reading a report
#
# *Eight minutes. Ties the other seven together.*
#
# **Afterwards you will know**
#
# - why partitions count as replications and seeds do not;
# - the four things a comparison can say: better, worse, *the same*, and *undecided*;
# - how to find out what it would take to know, and where everything stands on the page.

# %%
import re

import numpy as np
import pandas as pd

import torchal
from torchal.statistics.intervals import student
from torchal.statistics.paired import equivalence
from torchal.statistics.planning import pairs_needed, power

# %% [markdown]
# Three strategies, four partitions, two **seeds** on each. A partition says which rows one starts from; a seed says
# with which random numbers a network is trained on them.

# %%
found = torchal.compute(
    {
        "name": "report",
        "dataset": "digits",
        "model": {"name": "mlp", "hidden": [32], "dropout": 0},
        "strategy": ["random", "margin", "coreset"],
        "partition": {"drawn": [1, 2, 3, 4], "labelled": 40, "validation": 40},
        "seed": [1, 2],
        "setting": {"cycles": 2, "budget": 60},
        "recipe": {"optimizer": "adam", "lr": 2e-2, "epochs": 8, "batch": 32},
        "tuning": {"scope": "fixed"},
    }
)
print(found.sentence)

# %% [markdown]
# The verdict comes first and is meant to be quoted. Read all of it: out of how many, on how many partitions and
# seeds, with which interval.
#
# ## What is a replication?
#
# There are eight runs of each strategy. Are there eight independent observations? Two seeds on one partition share
# their first forty labels, and a lucky start is lucky twice. Suppose that strategies do **not** differ, that luck of
# the start moves a gain by a point (standard deviation), and training noise by a point as well. How often would a 95
# % interval miss the truth, that is zero?

# %%
rng = np.random.default_rng(0)
rows = []
for seeds in (1, 2, 10):
    missed = {"all runs": 0, "partitions": 0}
    for _ in range(500):
        gains = rng.normal(size=(5, 1)) + rng.normal(size=(5, seeds))
        for name, values in (("all runs", gains.reshape(-1, 1)), ("partitions", gains)):
            interval = student(values)
            missed[name] += not interval.low <= 0 <= interval.high
    rows.append({"seeds": seeds, **{f"missed, {name}": count / 500 for name, count in missed.items()}})
pd.DataFrame(rows)

# %% [markdown]
# It should be about 0.05. Counting every run makes intervals too narrow, and worse with every seed, so that computing
# *more* makes one *wronger*. Averaging the seeds of a partition first keeps what was promised. Hence `n` in a report
# counts partitions. Seeds are still worth having, since they make each partition's average steadier; but no number of
# seeds is worth a new partition.
#
# ## The curves, and what to look at instead

# %%
found.curves[0]

# %% [markdown]
# Everybody looks at curves first, and they are the poorest witness. Bands of two strategies may overlap although one
# is better in every single pair, because the bands hold the luck of the start, which pairing removes. Look at the
# differences:

# %%
found.differences["margin"]

# %%
found.forest[0]

# %% [markdown]
# Rings are partitions. A mean above zero with rings on both sides of it is a different thing from a mean above zero
# with all rings above.
#
# ## Four answers
#
# `p_holm` below 0.05 says *better* or *worse*. But a large p does **not** say *the same*: it also comes from too
# little data. Sameness has a test of its own. **Equivalence** asks whether the difference is shown to lie within a
# margin that does not matter, here half a point:

# %%
columns = ["strategy", "difference", "low", "high", "p_holm", "p_equivalent", "needed"]
sure = found.certainty[columns]
sure.round(4)


# %%
def answer(row):
    if row["p_holm"] < 0.05:
        return "better" if row["difference"] > 0 else "worse"
    return "the same, within half a point" if row["p_equivalent"] < 0.05 else "undecided"


pd.DataFrame({"answer": sure.set_index("strategy").apply(answer, axis=1)})

# %% [markdown]
# The four answers on made-up gains, so that you see each once. All have five partitions; only the mean and the spread
# differ.

# %%
pattern = np.array([-1.2, -0.6, 0.1, 0.5, 1.2])
cases = {
    "+2.0, steady": 2 + pattern * 0.5,
    "-2.0, steady": -2 + pattern * 0.5,
    "0.0, steady": pattern * 0.2,
    "+1.0, scattered": 1 + pattern * 2,
}
rows = []
for name, gains in cases.items():
    low, high = student(gains)[1:3]
    same = equivalence(gains, 0.5)
    said = "better" if low > 0 else "worse" if high < 0 else "the same" if same.p < 0.05 else "undecided"
    rows.append({"gains (points)": name, "low": low, "high": high, "p equivalent": same.p, "answer": said})
pd.DataFrame(rows).round(3)

# %% [markdown]
# The third row is a finding that deserves to be published: *choosing does not matter here*. The fourth is no finding.
# It is easy to see a promising +1.0 in it, and just as easy to call it "no effect".
#
# ## What would it take?
#
# `needed` says how many partitions would show half a point, four times out of five, if gains scatter as they did.
# Here is where it comes from: the power of the paired test, for the spread we saw.

# %%
from torchal.report.compare import gains as gains_of

spread = (
    100 * gains_of(found.findings.compared).query("strategy == 'margin'").groupby("partition")["value"].mean().std()
)
table = {
    f"a gain of {effect:g} points": [power(spread, effect, n) for n in (4, 5, 10, 20, 50)] for effect in (0.5, 1, 2, 4)
}
pd.DataFrame(table, pd.Index([4, 5, 10, 20, 50], name="partitions")).round(2)

# %%
for effect in (0.5, 1, 2, 4):
    print(f"to show {effect:g} points takes {pairs_needed(spread, effect) or 'more than 10,000'} partitions")

# %% [markdown]
# Read this table *before* an experiment, with a spread from a small trial run. If what you can afford shows four
# points and you hope for one, the experiment will end undecided, and you know it now.
#
# ## Claims and recommendations

# %%
print(found.claim("margin > random by 1.0"))
print(found.claim("margin = random within 0.5"))
print(found.claim("coreset > random at 100 labels"))

# %%
checked = found.check()
checked[checked["outcome"] != "pass"].reset_index(drop=True)

# %% [markdown]
# This small experiment falls short of several, and says so. A table like that at the end of a paper would spare its
# reviewers a round.
#
# ## The page
#
# All this, and more, is one file that opens offline. Its sections are questions:

# %%
page = found.report()
print(*re.findall(r"<h2[^>]*>([^<$]+)</h2>", page.read_text(encoding="utf-8")), sep="\n")

# %% [markdown]
# Every number on it lies beside it as CSV:

# %%
files = sorted(page.parent.glob("*.csv"))
counts = {file.name: len(pd.read_csv(file, nrows=0).columns) for file in files if "timing" not in file.name}
pd.DataFrame({"columns": counts}).T

# %% [markdown]
# ## Exercise
#
# 1. Without rerunning anything: what would the verdict have said with seeds counted as replications? Take
#    `gains_of(...)["value"]` of one strategy and give it to `student` both ways.
# 2. Write the three sentences on these results that you would put into an abstract. Hold each against them by
#    `found.claim`.
#
# ## Read on
#
# That was the hour. Everything on the page: [reading a report](../report.md). Have others check your results: [run
# cards](../run-cards.md). What is held equal, and why: [the protocol](../protocol.md).

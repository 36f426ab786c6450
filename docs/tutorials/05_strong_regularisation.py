# %% [markdown]
# # 5. Strong regularisation
#
# *Six minutes.*
#
# Many gains in the literature were measured on networks that overfit freely. Augmentation, weight averaging, softened
# labels: each is a few lines, and each changes what is left for a strategy to win.
#
# **Afterwards you will know**
#
# - how to set what a *recipe* adds beside what a *strategy* adds;
# - why a gain must be measured on the baseline that you would really use;
# - how to see whether regularisation changes who wins, and when you cannot tell.

# %%
import pandas as pd

import torchal
from torchal.report import conditions
from torchal.report.compare import areas, minus
from torchal.report.frame import GROUP, scores

# %% [markdown]
# Two recipes. The first trains plainly. The second softens labels (a tenth of each label is spread over all classes)
# and averages the weights of further epochs. Both are conditions of one experiment, so that everything else is
# shared.
#
# For photographs the recipe of choice is `recipe: strong`, RandAugment with weight averaging, as in the paper. On
# digits of eight by eight pixels there is little to augment; the lesson needs a recipe that suits the data.

# %%
plain = {"optimizer": "adam", "lr": 1e-2, "epochs": 12, "batch": 32}
strong = plain | {"label_smoothing": 0.1, "swa": {"epochs": 6, "lr": 1e-2, "every": 2}}
found = torchal.compute(
    {
        "name": "regularisation",
        "dataset": "digits",
        "model": {"name": "mlp", "hidden": [64], "dropout": 0},
        "strategy": ["random", "margin", "coreset"],
        "partition": {"drawn": [1, 2, 3, 4], "labelled": 40, "validation": 40},
        "seed": 1,
        "setting": {"cycles": 2, "budget": 40},
        "recipe": [plain, strong],
        "tuning": {"scope": "fixed"},
    }
)
names = {found.summary["condition"].iloc[0]: "plain", found.summary["condition"].iloc[-1]: "strong"}
table = found.summary.assign(condition=found.summary["condition"].map(names))
table[["condition", "strategy", "aubc", "difference", "low", "high", "p_holm", "verdict"]].round(3)

# %% [markdown]
# ## What a recipe adds
#
# Random under the strong recipe, less random under the plain one, on the same partitions: a gain that costs no labels
# and no strategy. Beside it what each strategy adds under the plain recipe.

# %%
area = areas(scores(found.table)).assign(condition=lambda rows: rows["condition"].map(names))
wide = 100 * area.pivot_table(index="partition", columns=["condition", "strategy"], values="value")
added = pd.DataFrame(
    {
        "the recipe (random, strong - plain)": wide["strong"]["random"] - wide["plain"]["random"],
        "margin (plain)": wide["plain"]["margin"] - wide["plain"]["random"],
        "coreset (plain)": wide["plain"]["coreset"] - wide["plain"]["random"],
    }
)
added.T.assign(mean=added.mean(), spread=added.std()).round(1)

# %% [markdown]
# Whichever is larger here: **if a recipe adds as much as a strategy, then a study that leaves the recipe out has
# measured a strategy on a baseline that nobody would use.** The honest order is to take what costs no labels first,
# and then ask what choosing adds *on top*.
#
# The dishonest table mixes them: one's own strategy with the new recipe, against random with the old one.

# %%
mixed = wide["strong"]["margin"] - wide["plain"]["random"]
honest = wide["strong"]["margin"] - wide["strong"]["random"]
print(f"margin, strong, against random, plain:  {mixed.mean():+.1f} points")
print(f"margin, strong, against random, strong: {honest.mean():+.1f} points")

# %% [markdown]
# ## Does it change who wins?
#
# There are two reasons to expect smaller gains under strong regularisation. A stronger baseline leaves less to win.
# And a network that overfits less is better calibrated about which rows it does not know, or smoother, so that rows
# differ less in what they teach. There is a reason to expect larger ones as well: a better network asks better
# questions. So one has to measure, strategy by strategy:

# %%
(place, sentence, grid) = conditions.compared(found.findings.compared)[0]
for long, short in names.items():
    sentence = sentence.replace(long, short)
print(sentence)

# %%
found.forest[0]

# %%
found.forest[1]

# %% [markdown]
# Above the plain recipe, below the strong one: rings are partitions, the point their mean, the bar its 95 % interval.
# If the two pictures look different, ask the sentence above whether they *are* different; eyes compare means, and
# forget the bars.
#
# The paper that torchal implements found, on CIFAR-10 and CIFAR-100, that strong regularisation raised all curves and
# narrowed what strategies gained over random, until few differences were left. That is a finding about those data and
# networks. What carries over to yours is the method: both recipes, the same partitions, and the change of the gain
# with its interval.

# %%
own = ["partition", "seed", *[name for name in GROUP if name != "condition"], "strategy"]
gain = minus(areas(scores(found.table)), [*GROUP, "partition", "seed"], "random")
change = gain.assign(condition=gain["condition"].map(names)).pivot_table(index=own, columns="condition", values="value")
moved = (100 * (change["strong"] - change["plain"])).groupby("strategy").agg(["mean", "std", "min", "max"])
moved.round(1)

# %% [markdown]
# Each row is how far a strategy's gain moved, over partitions. Where `std` is larger than `mean`, four partitions are
# not enough to say in which direction.
#
# ## Exercise
#
# 1. Give the strong recipe `"augment": {"randaugment": {"operations": 1, "magnitude": 4}}` too. Regularisation can be
#    *too* strong for a short training: how would you notice, and which line of the report would you look at first?
# 2. Tune both recipes as in tutorial 2, with the strength of the regularisation among the fields searched. Why is
#    this the fairer comparison?
#
# ## Read on
#
# Next: [6. Your own data](06_your_own_data.ipynb). Everything that a recipe can say: [recipes](../recipes.md). What
# it does to a small residual network on CIFAR-10: [results on recipes](../results/recipes.md).

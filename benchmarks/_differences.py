"""What each deliberate difference from TorchAL changes in the rows that are chosen, or in the labels that are told."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks import _torchal_rules as rules
from benchmarks._pools import CLASSES, NETWORK, RECIPE, SAMPLES, made_up, trained
from torchal.data.noise import Symmetric
from torchal.data.oracle import Answers, asked
from torchal.data.order import shuffled
from torchal.data.partition import Partition
from torchal.data.sources.digits import Digits
from torchal.experiment import ExperimentSpec
from torchal.inference import mc_probabilities
from torchal.models.mlp import Mlp
from torchal.problem import opened
from torchal.rng import generator, seeded
from torchal.selection import select

ORDERS = 5
"""In how many other orders a pool is given."""

Choose = Callable[[NDArray[Any]], NDArray[np.int64]]


def depending_on_order(choose: Choose, said: NDArray[Any], axis: int = 0) -> float:
    """Return how many picks, in the mean, are others if the pool is given in another order."""
    first, size = set(choose(said).tolist()), said.shape[axis]
    lost = []
    for seed in range(ORDERS):
        order = torch.randperm(size, generator=generator("order", seed)).numpy()
        lost.append(len(first - set(order[choose(said.take(order, axis))].tolist())))
    return float(np.mean(lost))


def votes(size: int = 40_000, budget: int = 5_000) -> dict[str, Any]:
    """Ties among equal votes, for members that are right on 70 % of the rows and of which each errs by itself."""
    truth, draw = torch.arange(size) % CLASSES, generator("votes")
    right = torch.rand(3, size, generator=draw) < 0.7
    voted = torch.where(right, truth, torch.randint(CLASSES, (3, size), generator=draw))
    noise = torch.rand(3, size, CLASSES, generator=draw)
    said = (3 * nn.functional.one_hot(voted, CLASSES) + noise).softmax(-1).numpy()
    scores = rules.vote_ratio(said)
    return {
        "counted": f"picks of {budget} of {size} that are others if the pool is in another order",
        "torchals_rule": depending_on_order(partial(rules.committee, budget=budget), said, 1),
        "torchal": depending_on_order(lambda some: select("qbc", budget=budget, committee_probabilities=some), said, 1),
        "rows_by_votes": {f"{level:.2f}": int((scores == level).sum()) for level in np.unique(scores)},
    }


def saturated(size: int = 2_000, certain: int = 100, budget: int = 200) -> dict[str, Any]:
    """Rows whose softmax is exactly 0 for some class, so that TorchAL's entropy is NaN."""
    pool = made_up(0, size)
    said = pool.sampled.clone()
    said[:, :certain] = nn.functional.one_hot(torch.zeros(certain, dtype=torch.int64), CLASSES).float()
    table = said.numpy()
    return {
        "counted": f"of {certain} saturated rows among {size}, how many are in a choice of {budget}",
        "torchals_rule": int((rules.dbal(table, budget) < certain).sum()),
        "torchal": int((select("dbal", budget=budget, mc_probabilities=table) < certain).sum()),
    }


def confident_half(size: int = 2_000, budget: int = 200) -> dict[str, Any]:
    """Ties among the most confident rows, whose probability rounds to 1."""
    logits = 8 * made_up(0, size).logits.numpy()
    return {
        "counted": f"picks of {budget} of {size} that are others if the pool is in another order, "
        f"where {int((rules.confidence(logits) == 1).sum())} rows have probability 1 in float32",
        "torchals_rule": depending_on_order(partial(rules.mixed, budget=budget), logits),
        "torchal": depending_on_order(lambda some: select("uncertainty_mix", budget=budget, logits=some), logits),
    }


def copies(points: int = 40, times: int = 5, budget: int = 60) -> dict[str, Any]:
    """Core-set where a pool holds copies."""
    pool = torch.randn(points, 128, generator=generator("copies")).repeat(times, 1)
    return _distinct(pool, budget, f"{points} points of which each is there {times} times")


def far_from_origin(size: int = 1_500, width: int = 512, budget: int = 500) -> dict[str, Any]:
    """Core-set where features lie close together and far from the origin."""
    pool = 30 + 0.01 * torch.randn(size, width, generator=generator("far"))
    return _distinct(pool, budget, f"{size} points at 30 +- 0.01 in each of {width} dimensions")


def _distinct(pool: Tensor, budget: int, where: str) -> dict[str, Any]:
    table = pool.numpy()
    ours = select("coreset", budget=budget, embeddings=pool, labelled=[0])
    return {
        "counted": f"distinct rows among {budget} picks from {where}",
        "torchals_rule": len(set(rules.core_set(table[1:], table[:1], budget).tolist())),
        "torchal": len(set(ours.tolist())),
    }


def bin_draws(size: int = 2_000, budget: int = 200, bins: int = 20) -> dict[str, Any]:
    """Draws within bins, for one seed of the run."""
    logits = made_up(0, size).logits.numpy()
    # each stands for a process, which starts with another state of a generator that nobody seeds
    unseeded = [set(rules.bins(logits, budget, bins, np.random.default_rng(run)).tolist()) for run in range(20)]
    mine = [set(select({"name": "uncertainty_bins", "bins": bins}, budget=budget, logits=logits)) for _ in range(2)]
    return {
        "counted": f"picks of {budget} that are others if the same query is made again",
        "torchals_rule": round(float(np.mean([len(a - b) for a, b in pairwise(unseeded)])), 1),
        "torchal": len(mine[0] - mine[1]),
    }


def noise_kept(cycles: int = 5, budget: int = 100, rate: float = 0.1) -> dict[str, Any]:
    """Wrong labels among those queried, in the training of the last cycle."""
    data, counts = Digits().load(), {"theirs": [], "ours": []}
    classes, truth = data.classes, data.train.labels
    for seed in range(20):
        rows = shuffled(len(truth), "noise", seed)
        partition = Partition(rows[:0], rows, rows[:0])
        answers = Answers.model_validate({"noise": {"symmetric": rate, "as_torchal": True}})
        bought = rows[: cycles * budget]
        told = asked(answers, truth, partition, classes, ("noise", seed)).labels(bought)
        right = truth[bought].numpy()
        newest = slice(len(right) - budget, None)
        theirs = rules.corrupted(right, newest, rate, len(classes), np.random.default_rng(seed))
        counts["ours"].append(int((told.numpy() != right).sum()))
        counts["theirs"].append(int((theirs != right).sum()))
    return {
        "counted": f"wrong labels in the last training, of {cycles * budget} bought in {cycles} queries at 10 % noise",
        "torchals_rule": float(np.mean(counts["theirs"])),
        "torchal": float(np.mean(counts["ours"])),
    }


def noise_rate(size: int = 100_000, rate: float = 0.1) -> dict[str, Any]:
    """What 10 % noise means where the class drawn may be the right one."""
    truth, names = torch.arange(size) % CLASSES, tuple("0123456789")
    theirs = rules.corrupted(truth.numpy(), slice(None), rate, CLASSES, np.random.default_rng(0))
    kinds = [Symmetric(symmetric=rate, as_torchal=each) for each in (False, True)]
    ours = [100 * float((kind.given(truth, names, ("rate",)) != truth).double().mean()) for kind in kinds]
    return {
        "counted": f"per cent of {size} labels that are wrong at 10 % noise in ten classes",
        "torchals_rule": round(100 * float((theirs != truth.numpy()).mean()), 2),
        "torchal": round(ours[0], 2),
        "torchal_as_torchal": round(ours[1], 2),
    }


def per_cent(labelled: str = "10%", budget: str = "5%", cycles: int = 4) -> dict[str, Any]:
    """What a cycle is called where the budget is not the step by which TorchAL counts, of 10 % unless it is told."""
    spec = ExperimentSpec.model_validate(
        {
            "name": "counts",
            "dataset": "digits",
            "model": NETWORK.document(),
            "strategy": "random",
            "partition": {"drawn": 1, "labelled": labelled, "validation": "10%"},
            "seed": 1,
            "setting": {"cycles": cycles, "budget": budget},
            "tuning": {"scope": "fixed"},
        }
    )
    problem = opened(spec.runs()[0])
    return {
        "counted": f"per cent by which each cycle goes, where {budget} of {problem.training} rows are bought at a time",
        "torchals_rule": [rules.percent(cycle) for cycle in range(cycles)],
        "torchal": [round(100 * problem.paid(cycle) / problem.training, 1) for cycle in range(cycles)],
    }


def without_dropout(size: int = 2_000, budget: int = 200) -> dict[str, Any]:
    """BALD by a network without dropout, whose samples are one and the same."""
    said = made_up(0, size).sampled[:1].expand(SAMPLES, -1, -1).numpy()
    return {
        "counted": f"picks of {budget} of {size} that are others if the pool is in another order",
        "torchals_rule": depending_on_order(partial(rules.bald, budget=budget), said, 1),
        "torchal": "refused: " + _refusal(),
        "largest_score_in_bits": float(np.abs(rules.disagreement(said)).max()),
    }


def _refusal() -> str:
    data = Digits().load()
    network = Mlp(hidden=(8,), dropout=0.0).build(data.shape, CLASSES)
    try:
        mc_probabilities(network, data.train.inputs, torch.arange(2), 2, ())
    except ValueError as error:
        return str(error)
    raise AssertionError("a network without dropout was sampled")


def masks(known: int = 100, budget: int = 100, repeats: int = 5) -> dict[str, Any]:
    """Masks of dropout drawn for each row by the global stream, against one for all rows that belongs to the query."""
    data, order = Digits().load(), shuffled(1438, "masks")
    network = trained(data, order[:known], RECIPE, ("masks",))
    pool = order[known:]

    def by_row(run: int) -> set[int]:
        network.train()
        with torch.no_grad(), seeded("by row", run):  # each run stands for a process, since theirs seeds nothing here
            said = [network(data.train.inputs.batch(pool)).softmax(-1) for _ in range(SAMPLES)]
        return set(rules.bald(torch.stack(said).numpy(), budget).tolist())

    def by_query(seed: int) -> set[int]:
        said = mc_probabilities(network, data.train.inputs, pool, SAMPLES, ("query", seed))
        return set(select("bald", budget=budget, mc_probabilities=said).tolist())

    def lost(choices: list[set[int]]) -> float:
        return float(np.mean([len(choices[0] - each) for each in choices[1:]]))

    return {
        "counted": f"picks of {budget} of {len(pool)} digits by BALD that are others if the same query is made again",
        "torchals_rule": lost([by_row(run) for run in range(repeats)]),
        "torchal": lost([by_query(0) for _ in range(repeats)]),
        "torchal_with_another_seed": lost([by_query(seed) for seed in range(repeats)]),
    }

"""Every strategy keeps every promise, and the suite catches one that breaks it."""

import random  # noqa: TID251 - a bad strategy draws from it
import subprocess
import sys
import types

import numpy as np
import pytest
import torch

from torchal.query import Strategy
from torchal.spec import names, resolve
from torchal.testing import strategies as suite
from torchal.testing.__main__ import main
from torchal.testing.fakes import FakePool

ROOM = "torchal.strategies"


SMALL = {
    "batchbald": {"samples": 6},
    "coregcn": {"epochs": 20, "hidden": 32},
    "uncertaingcn": {"epochs": 20, "hidden": 32},
    "vaal": {"width": 16, "epochs": 3},
}
"""Options of strategies that take long."""


@pytest.mark.parametrize("check", suite.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", names(ROOM))
def test_strategy_keeps_its_promise(name, check):
    check(resolve(Strategy, name)(**SMALL.get(name, {})))


def test_every_check_is_in_the_list():
    written = {each for name, each in vars(suite).items() if name.startswith("check_")}
    assert written == set(suite.CHECKS)


# --- strategies that break one promise each ---------------------------------------------------------------------------


class Repeats(Strategy):
    def select(self, ctx):
        return torch.arange(ctx.budget) // 2


class OneShort(Strategy):
    def select(self, ctx):
        return torch.arange(min(ctx.budget, ctx.size - 1))


class DrawsFromTorch(Strategy):
    def select(self, ctx):
        return torch.randperm(ctx.size)[: ctx.budget]


class DrawsFromNumpy(Strategy):
    def select(self, ctx):
        return torch.from_numpy(np.random.permutation(ctx.size)[: ctx.budget])  # noqa: NPY002 - the fault


class DrawsFromPython(Strategy):
    def select(self, ctx):
        return torch.tensor(random.sample(range(ctx.size), ctx.budget))


class DrawsUnseeded(Strategy):
    def select(self, ctx):
        return torch.from_numpy(np.random.default_rng().permutation(ctx.size)[: ctx.budget])


class ReseedsEverything(Strategy):
    def select(self, ctx):
        np.random.seed(0)  # noqa: NPY002, TID251 - the fault
        return torch.from_numpy(np.random.permutation(ctx.size)[: ctx.budget])  # noqa: NPY002 - likewise


class ScoresByChunk(Strategy):
    def select(self, ctx):
        rank_in_chunk = torch.arange(ctx.size) % ctx.evidence.chunk
        return ctx.top(-rank_in_chunk)


class LeavesTrainingMode(Strategy):
    def select(self, ctx):
        ctx.model.train()
        return torch.arange(ctx.budget)


class LeavesOnePartInEvaluation(Strategy):
    def select(self, ctx):
        ctx.model.body[0].eval()
        return torch.arange(ctx.budget)


class MovesBatchStatistics(Strategy):
    def select(self, ctx):
        ctx.model.body[0].train()(ctx.inputs_of(torch.arange(ctx.size)))
        ctx.model.body[0].train(mode=True)
        return torch.arange(ctx.budget)


class LeavesGradients(Strategy):
    def select(self, ctx):
        ctx.model.head(ctx.embeddings).sum().backward()
        return torch.arange(ctx.budget)


class LeavesAHook(Strategy):
    def select(self, ctx):
        ctx.model.head.register_forward_hook(lambda *_: None)
        return torch.arange(ctx.budget)


class KeepsLabels(Strategy):
    def select(self, ctx):
        ctx.secret = {"found elsewhere": [FakePool().labels.numpy()]}
        return torch.arange(ctx.budget)


class FirstInThePool(Strategy):
    def select(self, ctx):
        return torch.arange(ctx.budget)


class RanksNaNFirst(Strategy):
    def select(self, ctx):
        p = ctx.probabilities
        return (-(p * p.log()).sum(-1)).argsort(descending=True)[: ctx.budget]


class TakesAllAboveAverage(Strategy):
    def select(self, ctx):
        return ctx.embeddings.unique(dim=0, return_inverse=True)[1].unique()[: ctx.budget]


class NeedsDropoutSilently(Strategy):
    def select(self, ctx):
        if ctx.model.body[1].p == 0:
            raise ValueError("no variance")
        return torch.arange(ctx.budget)


class SamplesUndeclared(Strategy):
    def select(self, ctx):
        return ctx.top(ctx.mc_probabilities(2).var(0).sum(-1))


class NeedsLabels(Strategy):
    def select(self, ctx):
        nearest = torch.cdist(ctx.embeddings, ctx.labelled_embeddings)
        return ctx.top(nearest.amin(1) if len(ctx.labelled_labels) else nearest.sum(1) / len(ctx.labelled_labels))


BROKEN = [
    (suite.check_budget, Repeats, "with a budget of 2 .* position 0 more than once"),
    (suite.check_budget, NeedsDropoutSilently, None),
    (suite.check_whole_pool, OneShort, r"as large as the pool: .* shape \(19,\)"),
    (suite.check_constant_network, DrawsUnseeded, "a second call chooses others"),
    (suite.check_constant_network, FirstInThePool, None),
    (suite.check_global_seeds, DrawsFromTorch, "draws from a global random stream"),
    (suite.check_global_seeds, DrawsFromNumpy, "draws from a global random stream"),
    (suite.check_global_seeds, DrawsFromPython, "draws from a global random stream"),
    (suite.check_streams_untouched, DrawsFromTorch, "moves the global random stream of torch"),
    (suite.check_streams_untouched, ReseedsEverything, "moves the global random stream of numpy"),
    (suite.check_global_seeds, ReseedsEverything, None),
    (suite.check_chunks, ScoresByChunk, "depends on how many rows go through the network"),
    (suite.check_network_untouched, LeavesTrainingMode, "changes the network's modes and hooks"),
    (suite.check_network_untouched, LeavesOnePartInEvaluation, "changes the network's modes and hooks"),
    (suite.check_network_untouched, MovesBatchStatistics, "changes the network's weights and buffers"),
    (suite.check_network_untouched, LeavesGradients, "changes the network's gradients"),
    (suite.check_network_untouched, LeavesAHook, "changes the network's modes and hooks"),
    (suite.check_pool_labels, KeepsLabels, "labels of the pool can be reached after the query"),
    (suite.check_pool_order, FirstInThePool, "chooses other rows when the pool is shuffled"),
    (suite.check_saturated, RanksNaNFirst, "ranks NaN by torch.argsort"),
    (suite.check_copies, TakesAllAboveAverage, "with 10 distinct inputs .* returned shape"),
    (suite.check_without_dropout, NeedsDropoutSilently, "does not say so: no variance"),
    (suite.check_without_dropout, SamplesUndeclared, "set samples_dropout = True"),
    (suite.check_nothing_labelled, NeedsLabels, "with nothing labelled yet: .* NaN"),
]


@pytest.mark.parametrize(("check", "broken", "complaint"), BROKEN)
def test_a_broken_promise_is_caught_and_named_and_a_kept_one_is_not(check, broken, complaint):
    if complaint is None:
        check(broken())
        return
    with pytest.raises(AssertionError, match=complaint):
        check(broken())


def test_each_check_is_shown_to_catch_something():
    shown = {check for check, _, complaint in BROKEN if complaint} | {suite.check_source}
    assert shown == set(suite.CHECKS)


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        (None, False),
        ("Clever sampling.", False),
        ("Sampling with 20170 networks, shown to work.", False),
        ("Doe 2017, 'A Paper'.", True),
        ("Own rule.", True),
    ],
)
def test_a_header_without_a_source_is_caught(header, kept, monkeypatch):
    monkeypatch.setitem(sys.modules, FirstInThePool.__module__, types.ModuleType("headed", header))
    if kept:
        suite.check_source(FirstInThePool())
    else:
        with pytest.raises(AssertionError, match="names no source"):
            suite.check_source(FirstInThePool())


# --- the command ------------------------------------------------------------------------------------------------------

GOOD = '''"""The middle of the pool: own rule."""
from torchal.query import Strategy


class Middle(Strategy):
    """Nearest to the mean embedding."""

    def select(self, ctx):
        return ctx.top(-(ctx.embeddings - ctx.embeddings.mean(0)).norm(dim=1).round(decimals=4))
'''


def test_the_command_prints_a_line_for_each_promise_and_fails_if_one_is_broken(tmp_path, capsys):
    (tmp_path / "middle.py").write_text(GOOD)
    assert main([str(tmp_path / "middle.py")]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["ok", check.__name__] for check in suite.CHECKS
    ]
    (tmp_path / "sourceless.py").write_text(GOOD.replace(": own rule", ""))
    assert main([str(tmp_path / "sourceless.py")]) == 1
    failed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("FAILED")]
    assert len(failed) == 1
    assert "check_source: AssertionError: the docstring of its module names no source" in failed[0]


def test_a_strategy_that_crashes_is_reported_beside_the_other_promises(tmp_path, capsys):
    (tmp_path / "crashes.py").write_text(GOOD.replace("ctx.top(", "ctx.tops("))
    assert main([str(tmp_path / "crashes.py")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(suite.CHECKS)
    assert "check_budget: AttributeError" in lines[0]
    (number,) = [n for n, line in enumerate(GOOD.splitlines(), 1) if "ctx.top(" in line]
    assert lines[0].endswith(f"(crashes.py, line {number})")


def test_a_fault_in_what_torchal_gives_is_told_with_the_line_that_asked_for_it(tmp_path, capsys):
    (tmp_path / "multiplies.py").write_text(GOOD.replace("ctx.top(", "ctx.top(ctx.logits * "))
    assert main([str(tmp_path / "multiplies.py")]) == 1
    assert "(multiplies.py, line " in capsys.readouterr().out.splitlines()[0]


def test_help_tells_what_is_checked(capsys):
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert "python -m torchal.testing NAME" in said
    assert all(check.__name__ in said for check in suite.CHECKS)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "usage: python -m torchal.testing NAME"),
        (["blad"], "unknown name 'blad'; did you mean 'bald'"),
        (["missing.py"], "missing.py: there is no such file"),
    ],
)
def test_what_is_not_a_strategy_is_refused_with_the_remedy(arguments, complaint, capsys):
    assert main(arguments) == 2
    assert complaint in capsys.readouterr().err


def test_a_file_without_a_strategy_or_with_required_fields_is_refused(tmp_path, capsys):
    (tmp_path / "other.py").write_text(
        "from torchal.spec import Plugin\n\nclass Other(Plugin):\n    room = 'torchal'\n"
    )
    assert main([str(tmp_path / "other.py")]) == 2
    assert "Other is no strategy" in capsys.readouterr().err
    (tmp_path / "needy.py").write_text(GOOD.replace("    def", "    power: int\n\n    def", 1))
    assert main([str(tmp_path / "needy.py")]) == 2
    assert "power: field required" in capsys.readouterr().err


def test_the_module_runs_as_a_command():
    done = subprocess.run(
        [sys.executable, "-m", "torchal.testing", "random"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == len(suite.CHECKS)

import json

import pytest
from report_runs import all_runs, write_results

from torchal.cli import app
from torchal.records import PlanRecord
from torchal.report.claim import Claim, decision, judged
from torchal.report.frame import read


def said(**fields) -> Claim:
    return Claim(**{"better": "badge", "worse": "random", "same": False, "amount": 0.0, **fields})


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("badge > random", said()),
        ("badge > random by 1.0 at 20% on cifar10", said(amount=0.01, at=20, per_cent=True, dataset="cifar10")),
        ("random < badge by 1 point", said(amount=0.01)),
        (
            "a(b=1, c=[2, 3]) = random within 0.5 at 160",
            said(better="a(b=1, c=[2, 3])", same=True, amount=0.005, at=160),
        ),
        (
            "a > b on digits with mlp(hidden=[64])",
            said(better="a", worse="b", dataset="digits", model="mlp(hidden=[64])"),
        ),
    ],
)
def test_a_sentence_is_read_as_it_is_meant(text, claim):
    assert Claim.read(text) == claim


@pytest.mark.parametrize("text", ["badge", "badge is better", "a = b", "a > b within 1", "a = b by 1", "> b", ""])
def test_what_is_no_claim_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match=r"claim: .*(badge > random|add within 0\.5)"):
        Claim.read(text)


def results(folder, gains, at=1):
    """Random is at 0.5; margin is better by a gain in each of some partitions, in cycle 1 with 30 labels of 1,000."""
    value = {f"drawn-{number + 1}": gain for number, gain in enumerate(gains)}

    def accuracy(key):
        return 0.5 + (value[key[1]] if key[0] == "margin" and key[3] == at else 0)

    records = all_runs(("random", "margin"), partitions=tuple(value), seeds=(1,), value=accuracy, cycles=2)
    place = write_results(folder, records)
    file = place / "tiny" / "plan.json"
    plan = PlanRecord.read(file)
    runs = tuple(run.model_copy(update={"training": 1000}) for run in plan.runs)
    file.write_text(plan.model_copy(update={"runs": runs}).text())
    return place


@pytest.mark.parametrize(
    ("gains", "text", "answer"),
    [
        ((0.04, 0.05, 0.06), "margin > random by 1 at 30", "supported"),
        ((0.04, 0.05, 0.06), "margin > random by 1 at 3%", "supported"),
        ((0.04, 0.05, 0.06), "margin > random by 9 at 30", "refuted"),
        ((0.04, 0.05, 0.06), "random > margin at 30", "refuted"),
        ((0.0, 0.05, 0.1), "margin > random by 4 at 30", "undecided"),
        ((0.001, -0.001, 0.0), "margin = random within 0.5 at 30", "supported"),
        ((0.04, 0.05, 0.06), "margin = random within 0.5 at 30", "refuted"),
        ((0.0, 0.05, 0.1), "margin = random within 5 at 30", "undecided"),
        ((0.04, 0.05, 0.06), "margin > random by 1", "supported"),  # over the budget: half of that, 2.5 points
        ((0.04, 0.05, 0.06), "margin > random by 4", "refuted"),
        ((0.05,), "margin > random", "undecided"),
    ],
)
def test_claims_are_decided_by_the_interval_of_paired_differences(tmp_path, gains, text, answer):
    found = judged(Claim.read(text), read(results(tmp_path, gains), "tiny"))
    assert decision(found) == answer
    assert found[0].sentence.startswith(answer)


def test_an_undecided_claim_says_what_it_would_take(tmp_path):
    (found,) = judged(Claim.read("margin > random by 4 at 30"), read(results(tmp_path, (0.0, 0.05, 0.1)), "tiny"))
    assert found.needed is not None
    assert f"about {found.needed - 3} more replications would decide it" in found.sentence


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("badge > random", "there is no strategy 'badge' in these results; there are random, margin"),
        ("margin > random on mnist", "there is no dataset 'mnist' in these results; there are digits"),
        ("margin > random at 77", "nothing was measured at 77; budgets are 20, 30 labels"),
    ],
)
def test_what_is_not_in_the_results_is_refused_with_what_is(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        judged(Claim.read(text), read(results(tmp_path, (0.01, 0.02)), "tiny"))


@pytest.mark.parametrize(
    ("text", "code"), [("margin > random", 0), ("random > margin", 1), ("margin > random by 2.6", 3)]
)
def test_the_exit_code_is_for_programs(tmp_path, capsys, text, code):
    place = results(tmp_path, (0.04, 0.05, 0.06))
    (tmp_path / "spec.yaml").write_text("name: tiny\n")
    with pytest.raises(SystemExit) as end:
        app(["claim", text, str(tmp_path / "spec.yaml"), "--results", str(place), "--json"])
    assert end.value.code == code
    answer = json.loads(capsys.readouterr().out)
    assert answer["decision"] == {0: "supported", 1: "refuted", 3: "undecided"}[code]

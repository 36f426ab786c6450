import json

import pytest
from report_runs import all_runs, write_results

from torchal.cli import app
from torchal.report.duel import WHOLE, differences
from torchal.report.frame import read


def experiment(folder, gains=(0.04, 0.05, 0.06)):
    value = {f"drawn-{number + 1}": gain for number, gain in enumerate(gains)}

    def accuracy(key):
        return 0.5 + 0.1 * key[3] + (value[key[1]] if key[0] == "margin" and key[3] else 0)

    records = all_runs(("random", "margin"), partitions=tuple(value), seeds=(1, 2), value=accuracy, cycles=2)
    return write_results(folder, records)


def test_differences_worked_by_hand(tmp_path):
    found = differences(read(experiment(tmp_path), "tiny"), "margin", "random").set_index("at")
    assert found["difference"].to_dict() == pytest.approx({"20": 0, "30": 0.05, WHOLE: 0.025})
    half = 4.302652729911275 * 0.01 / 3**0.5
    assert (found.loc["30", "low"], found.loc["30", "high"]) == pytest.approx((0.05 - half, 0.05 + half))
    assert found.loc["30", "p_signs"] == 2 / 8
    assert set(found["n"]) == {3}


def test_the_other_way_round_the_sign_turns(tmp_path):
    one, two = (
        differences(read(experiment(tmp_path), "tiny"), *names)["difference"].to_numpy()
        for names in (("margin", "random"), ("random", "margin"))
    )
    assert one == pytest.approx(-two)


def test_a_strategy_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    with pytest.raises(ValueError, match="there is no strategy 'badge' in these results; there are random, margin"):
        differences(read(experiment(tmp_path), "tiny"), "badge", "random")


@pytest.mark.parametrize("by_folder", [True, False])
def test_an_experiment_is_named_by_its_file_or_its_folder_of_results(tmp_path, capsys, by_folder):
    results = experiment(tmp_path / "results")
    (tmp_path / "spec.yaml").write_text("name: tiny\n")
    where = [str(results / "tiny")] if by_folder else [str(tmp_path / "spec.yaml"), "--results", str(results)]
    app(["compare", "margin", "random", *where, "--json"], standalone_mode=False)
    assert [row["at"] for row in json.loads(capsys.readouterr().out)] == ["20", "30", WHOLE]
    app(["compare", "margin", "random", *where], standalone_mode=False)
    assert "margin less random" in capsys.readouterr().out

import json
import os
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from report_runs import CYCLES, STRATEGIES, all_runs, page_of, run_record, write_results
from rich.console import Console

from torchal.report import page
from torchal.report.verdict import points

pytestmark = pytest.mark.unchecked

HOSTILE = "</script><script>alert(1)</script>"


def write(tmp_path, records=None, plan=None) -> str:
    results = write_results(tmp_path, records or all_runs(), plan)
    return page.write(results, "tiny").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    """Results whose page is written already, for tests that only read."""
    results = write_results(tmp_path_factory.mktemp("plain"), all_runs())
    page.write(results, "tiny")
    return results


def text(results: Path) -> str:
    return (results / "tiny" / "report" / "report.html").read_text(encoding="utf-8")


def specs(html: str) -> dict:
    found = re.search(r'<script type="application/json" id="specs">(.*?)</script>', html, re.DOTALL)[1]
    return json.loads(found)["charts"]


def markup(html: str) -> str:
    """Return the page without what stands inside its scripts and styles."""
    return re.sub(r"(<(script|style)\b[^>]*>).*?(</\2>)", r"\1\3", html, flags=re.DOTALL)


def note(html: str, name: str) -> str:
    found = re.search(rf'<div class="note" id="{name}">.*?</details>', html, re.DOTALL)
    return found[0] if found else ""


def test_page_and_tables_are_written_side_by_side(plain):
    html = text(plain)
    folder = plain / "tiny" / "report"
    tables = ["certainty.csv", "cost-timing.csv", "cost.csv", "equal_means.csv", "forest.csv", "initial_sets.csv"]
    tables += ["penalties.csv", "ranks.csv", "runs.csv", "runs.parquet", "savings.csv", "summary.csv", "variance.csv"]
    assert sorted(file.name for file in folder.iterdir()) == sorted(["report.html", *tables])
    assert sorted(set(re.findall(r'<a href="([^"]*)"', html))) == tables
    assert pd.read_csv(folder / "summary.csv")["strategy"].tolist()[0] == "margin"


def test_the_verdict_stands_first_and_the_same_everywhere(plain):
    html = text(plain)
    verdict = page.verdict(plain, "tiny")
    assert verdict.sentence in markup(html).partition("<main>")[0]
    assert verdict.sentence.startswith(
        "1 of 3 strategies is better than random on digits (3 partitions x 2 seeds): margin, +"
    )
    assert verdict.sentence.endswith("; 1 is worse: coreset.")
    assert len(verdict.sentence.splitlines()) == 1


def test_the_page_needs_no_network(plain):
    html = text(plain)
    tags = re.findall(r"<(?:link|script|img|iframe|object)\b[^>]*>", markup(html))
    assert [tag for tag in tags if re.search(r"(src|href)=", tag)] == ['<link rel="icon" href="data:,">']
    assert "default-src 'none'" in html
    assert html.count("window.vegaEmbed = ") + html.count("window.vegaEmbed=") == 1
    assert len(html.encode()) < 6e6


def test_the_page_of_two_hundred_runs_stays_small(tmp_path):
    strategies = ("random", *(f"strategy_{number}" for number in range(7)))
    partitions = tuple(f"drawn-{number}" for number in range(5))
    records = all_runs(strategies, partitions, seeds=range(5), cycles=10)
    html = write(tmp_path, [each.model_copy(update={"finished": True}) for each in records])
    assert len(html.encode()) < 2.5e6


def test_a_hostile_name_is_text_wherever_it_stands(tmp_path):
    strategies = ("random", HOSTILE, "<img src=x onerror=alert(1)>")
    records = all_runs(strategies, place=(HOSTILE, HOSTILE))
    stopped = run_record(HOSTILE, "drawn-1", 1, 2, place=(HOSTILE, HOSTILE))
    html = write(tmp_path, [stopped if each.id == stopped.id else each for each in records])
    assert "<script>alert" not in html
    assert "<img" not in markup(html)
    assert markup(html).count("&lt;/script&gt;&lt;script&gt;alert(1)") > 5
    assert json.dumps(HOSTILE)[1:-1].replace("<", "\\u003c").replace(">", "\\u003e") in html
    assert html.count("</script>") == 3  # charts, library and the page's own


def test_equal_results_give_equal_bytes_in_a_process_without_torch(plain):
    html = text(plain)
    program = (
        "import sys, pathlib; from torchal.report import page; page.write(pathlib.Path(sys.argv[1]), 'tiny');"
        "assert 'torch' not in sys.modules, 'torch was imported'; assert 'torchal.experiment' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program, str(plain)], check=True, env={**os.environ, "PYTHONHASHSEED": "7"})
    assert (plain / "tiny" / "report" / "report.html").read_text(encoding="utf-8") == html


def test_the_page_does_not_say_where_it_was_made(plain):
    assert str(plain) not in text(plain)


def test_unfinished_runs_are_told(tmp_path):
    plan = all_runs()
    stopped = run_record("coreset", "drawn-2", 1, cycles=2)
    records = [stopped if each.id == stopped.id else each for each in plan[:-1]]
    html = write(tmp_path, records, plan)
    told = note(html, "unfinished")
    assert "2 planned runs not finished" in told
    assert re.search(rf"{stopped.id}.*?2 of 4.*?{plan[-1].id}.*?0 of 4", told, re.DOTALL)
    # Four strategies on each of two partitions and seeds, less the run that has no record.
    assert "7 runs left out of the comparison" in note(html, "left-out")
    assert page.verdict(tmp_path, "tiny").unfinished == 2


def test_a_finished_experiment_has_no_warnings(plain):
    html = text(plain)
    assert 'class="note"' not in html
    assert "24 of 24 runs finished" in html


def test_without_random_the_page_says_why_there_is_no_difference(tmp_path):
    html = page_of(write_results(tmp_path, all_runs(("margin", "coreset"))), "differences")
    assert "No difference is shown for digits with mlp: there is no run of random" in html
    assert not [name for name in specs(html) if name.startswith("differences")]
    assert "random has no runs to compare with" in page.verdict(tmp_path, "tiny").sentence


def test_random_alone_is_not_called_incomparable_for_want_of_random(tmp_path):
    html = page_of(write_results(tmp_path, all_runs(("random",))), "differences")
    assert "random is its only strategy" in html
    assert "it is the only strategy" in page.verdict(tmp_path, "tiny").sentence


def test_one_run_of_each_gives_no_verdict(tmp_path):
    html = write(tmp_path, all_runs(partitions=("drawn-1",), seeds=(1,)))
    assert "gives no interval and so no verdict" in html
    assert html.count("one run: no interval") == len(STRATEGIES) - 1


def test_one_cycle_is_not_called_an_average_over_the_budget(tmp_path):
    html = write(tmp_path, all_runs(cycles=1, value=lambda key: 0.5 + 0.01 * (key[0] == "margin") + 0.001 * key[2]))
    assert "points of accuracy at 20 labelled examples" in html
    assert "averaged over the budget (" not in html


def test_nothing_in_common_still_makes_a_page(tmp_path):
    records = [run_record("random", "drawn-1", 1), run_record("margin", "drawn-2", 1)]
    html = write(tmp_path, records)
    assert "Nothing can be compared yet" in html
    assert "2 runs left out" in html
    Console(file=StringIO()).print(page.verdict(tmp_path, "tiny").table())


def test_several_data_sets_get_a_sentence_and_a_table_each(tmp_path):
    html = write(tmp_path, [*all_runs(), *all_runs(place=("cifar10", "resnet8"))])
    sentences = page.verdict(tmp_path, "tiny").sentence.splitlines()
    assert [("with mlp" in each, "on cifar10 with resnet8" in each) for each in sentences] == [
        (True, False),
        (False, True),
    ]
    assert html.count('<table class="verdicts">') == 2


def test_every_table_that_holds_numbers_says_n(plain):
    html = markup(text(plain))
    for number in re.findall(r'<td class="number">[\d.]+ \(.*?</td>', html):
        assert ", n = 3" in number
    assert len(re.findall(", n = 3</td>", html)) == len(STRATEGIES) * (CYCLES + 6) + (len(STRATEGIES) - 1) * (
        CYCLES - 1
    )
    assert html.count('<td class="whole">3 partitions</td>') == len(STRATEGIES)
    assert html.count("n = 3 partitions, 6 runs a strategy") == 3


def test_only_the_fields_in_which_recipes_differ_are_listed(tmp_path):
    results = write_results(tmp_path, all_runs(("random",), partitions=("drawn-1",)))
    html = markup(page_of(results, "protocol"))
    recipes = re.search(r"Recipes chosen in each cycle</summary>(.*?)</details>", html, re.DOTALL)[1]
    assert re.findall(r"<th scope=\"col\"[^>]*>(.*?)</th>", recipes) == [
        "strategy",
        "partition",
        "cycle",
        "seeds",
        "lr",
    ]
    assert re.findall(r'<td class="number">(.*?)</td>', recipes) == ["0.01", "0.02", "0.03", "0.04"]
    assert recipes.count("<td>1, 2</td>") == CYCLES


def test_equal_recipes_are_not_listed(tmp_path):
    results = write_results(tmp_path, all_runs(cycles=1))
    assert "Every cycle was trained with the recipe of the protocol" in page_of(results, "protocol")


def test_protocol_environment_and_keys_are_on_the_page(plain):
    html = markup(text(plain))
    assert "[bald(samples=10), coreset, margin, random]" in html
    assert "a processor" in html
    assert "Commits of torchal that wrote these results: abc" in html
    for record in all_runs():
        assert all(cycle.keys["measure"] in html for cycle in record.cycles)


def test_results_without_fingerprint_say_so(tmp_path):
    results = write_results(tmp_path, all_runs())
    (results / "fingerprint.json").unlink()
    assert "No fingerprint was recorded" in page_of(results, "protocol")


def test_the_document_is_json_without_nan(plain):
    document = page.verdict(plain, "tiny").document()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    base = next(each for each in document["strategies"] if each["strategy"] == "random")
    assert base["difference"] is None


def test_the_terminal_shows_whole_verdicts_in_eighty_columns(tmp_path):
    write_results(tmp_path, all_runs((*STRATEGIES, "[red]odd[/red]")))
    console = Console(width=80, record=True, file=StringIO())
    console.print(page.verdict(tmp_path, "tiny").table())
    lines = console.export_text().splitlines()
    assert any(re.search(r"margin .* \+\d\.\d .* 3 +better than random", line) for line in lines)
    assert any("[red]odd[/red]" in line for line in lines)


@pytest.mark.parametrize(
    ("share", "text"), [(0.008, "+0.8"), (-0.003, "-0.3"), (0.0004, "0.0"), (-0.0004, "0.0"), (0.0, "0.0")]
)
def test_a_difference_that_rounds_to_nothing_has_no_sign(share, text):
    assert points(share) == text

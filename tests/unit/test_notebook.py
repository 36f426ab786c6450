import pandas as pd
import pytest
from small_runs import SMALL, changed, compute, contents

import torchal
from torchal.report import page

pytestmark = pytest.mark.unchecked

TINY = {**SMALL, "setting": {"cycles": 2, "budget": 10}, "seed": 1, "tuning": {"scope": "fixed"}}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return torchal.compute(TINY, tmp_path_factory.mktemp("results"))


def test_a_mapping_and_the_command_lines_spec_give_the_same_files(found, tmp_path):
    compute(tmp_path, changed(**TINY))
    assert contents(found.results) == contents(tmp_path)


def test_what_is_there_is_not_computed_again(found):
    def ages():
        return {file: file.stat().st_mtime_ns for file in (found.results / "store").glob("fit/*/*")}

    before = ages()
    torchal.compute(TINY, found.results)
    assert before
    assert ages() == before


def test_an_outcome_says_what_the_report_says(found):
    assert found.sentence == page.verdict(found.results, "small").sentence
    assert found.claim("random > bald(samples=3) by 1").startswith("undecided on digits")
    pd.testing.assert_frame_equal(found.summary, page.verdict(found.results, "small").summary)


def test_figures_show_themselves_as_pictures_and_have_lasting_names(found):
    for picture in (found.curves[0], found.forest[0], found.differences["bald(samples=3)"]):
        assert picture._repr_png_().startswith(b"\x89PNG")
        assert repr(picture).startswith("<picture: ")


def test_a_mistake_in_a_mapping_is_told_with_its_field():
    with pytest.raises(ValueError, match="unknown field 'modell'; did you mean 'model'"):
        torchal.compute({**TINY, "modell": "mlp"})


def test_a_run_that_fails_is_not_passed_over(tmp_path):
    plug_in = tmp_path / "fails.py"
    plug_in.write_text(
        '"""A strategy that cannot."""\n\nfrom torchal import Strategy\n\n\n'
        'class Fails(Strategy):\n    """Fail."""\n\n    def select(self, ctx):\n        raise RuntimeError("cannot")\n'
    )
    with pytest.raises(RuntimeError, match=r"1 of the runs of small failed, first fails.*cannot"):
        torchal.compute({**TINY, "strategy": ["random", "fails"]}, tmp_path / "results", files=[plug_in])

"""Figures as files."""

import re
import subprocess
import sys
from io import BytesIO

import pytest
from PIL import Image
from report_runs import all_runs, write_results
from typer.testing import CliRunner

from torchal.cli import app
from torchal.report import sections, static
from torchal.report.findings import findings

pytestmark = pytest.mark.unchecked

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return write_results(tmp_path_factory.mktemp("static"), all_runs(("random", "margin", HOSTILE)))


def figure(results, part: str):
    """Return the first figure of a part of the page."""
    return getattr(sections, part)(findings(results, "tiny")).figures[0]


def test_every_format_holds_the_figure_at_its_size(results, tmp_path):
    written = static.write([figure(results, "curves")], tmp_path, static.FORMATS)
    assert [file.name for file in written] == ["curves-0.png", "curves-0.svg", "curves-0.pdf"]
    png, svg, pdf = (file.read_bytes() for file in written)
    with Image.open(BytesIO(png)) as image:
        assert image.width == pytest.approx(6.8 * static.DOTS, abs=2)
        assert image.info["dpi"] == pytest.approx((static.DOTS, static.DOTS), abs=0.1)
        assert image.getpixel((image.width - 1, 0))[:3] == (255, 255, 255)
    assert b"margin" in svg
    assert b"<script" not in svg
    assert b"LiberationSans" in pdf
    assert float(re.search(rb"/MediaBox \[0 0 ([\d.]+)", pdf)[1]) == pytest.approx(6.8 * 72, abs=1)


def test_what_the_page_shows_side_by_side_fits_a_column(results, tmp_path):
    (file,) = static.write([figure(results, "differences")], tmp_path, ["svg"])
    assert float(re.search(rb'width="([\d.]+)"', file.read_bytes())[1]) == pytest.approx(3.3 * 96, abs=1)


def test_equal_results_give_equal_bytes_in_another_process(results, tmp_path):
    code = (
        "import sys, pathlib; from torchal.report import static, sections;"
        "from torchal.report.findings import findings;"
        "found = sections.differences(findings(pathlib.Path(sys.argv[1]), 'tiny')).figures;"
        "static.write(found[1::-1], pathlib.Path(sys.argv[2]), static.FORMATS)"
    )
    subprocess.run([sys.executable, "-c", code, str(results), str(tmp_path / "other")], check=True)
    drawn = sections.differences(findings(results, "tiny")).figures
    for file in static.write(drawn[:2], tmp_path / "here", static.FORMATS):
        assert (tmp_path / "other" / file.name).read_bytes() == file.read_bytes()


def test_formats_are_a_list_or_all_and_others_are_refused_by_name():
    assert static.formats("all") == static.FORMATS
    assert static.formats("pdf, png,pdf") == ("pdf", "png")
    with pytest.raises(ValueError, match="'jpeg' is no format; say png, svg, pdf"):
        static.formats("png,jpeg")


def test_a_report_writes_every_figure_of_its_page(results, monkeypatch):
    seen = []
    monkeypatch.setattr(static, "write", lambda figures, folder, wanted: seen.append(([*figures], folder, wanted)))
    answer = CliRunner().invoke(app, ["report", str(results / "tiny"), "--figures", "svg"])
    assert answer.exit_code == 0, answer.output
    ((drawn, folder, wanted),) = seen
    text = (results / "tiny" / "report" / "report.html").read_text()
    assert all(f'id="{figure.id}"' in text for figure in drawn)
    assert len(drawn) == text.count('class="chart"')
    assert (folder, wanted) == (results / "tiny" / "report" / "figures", ("svg",))

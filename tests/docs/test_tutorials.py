"""The tutorials run as written, and their notebooks are made from them."""

import ast
import json
import os
import re
from pathlib import Path

import altair as alt
import page_scripts
import pytest

ROOT = Path(__file__).parents[2]


TUTORIALS = page_scripts.script("tutorials")
SCRIPTS = TUTORIALS.scripts()
by_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)


def cells(script, kind):
    return [cell["source"] for cell in TUTORIALS.notebook(script)["cells"] if cell["cell_type"] == kind]


def shown(value):
    """Make a notebook's pictures and tables of a value, as a notebook does."""
    for name in ("_repr_png_", "_repr_mimebundle_", "_repr_html_"):
        if hasattr(value, name):
            assert getattr(value, name)()
            return
    assert repr(value)


def execute(source, script, names):
    """Execute a cell, and show the value of its last expression."""
    *before, last = ast.parse(source).body
    if isinstance(last, ast.Expr):
        exec(compile(ast.Module(before, []), script.name, "exec"), names)  # noqa: S102 - our own documents
        shown(eval(compile(ast.Expression(last.value), script.name, "eval"), names))  # noqa: S307 - likewise
    else:
        exec(compile(source, script.name, "exec"), names)  # noqa: S102 - likewise


def test_there_are_eight_tutorials_in_the_order_of_the_index():
    index = (ROOT / "docs" / "tutorials" / "index.md").read_text()
    places = [index.index(f"({script.stem}.ipynb)") for script in SCRIPTS]
    assert len(SCRIPTS) == 8
    assert places == sorted(places)


@by_script
def test_every_cell_of_a_tutorial_runs_offline(script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # nothing here has to outlive a loss of power
    names = {"__name__": "tutorial"}
    with alt.renderers.enable(alt.renderers.active):  # puts back what a tutorial sets
        for source in cells(script, "code"):
            execute(source, script, names)


@by_script
def test_a_notebook_is_made_from_its_script_and_holds_its_outputs(script):
    found = json.loads(script.with_suffix(".ipynb").read_text(encoding="utf-8"))
    wanted = TUTORIALS.notebook(script)["cells"]
    stale = f"run python scripts/tutorials.py {script.stem}"
    assert [(each["id"], each["source"]) for each in found["cells"]] == [
        (each["id"], each["source"]) for each in wanted
    ], stale
    outputs = [output for cell in found["cells"] for output in cell.get("outputs", [])]
    kinds = {kind for output in outputs for kind in output.get("data", {})}
    assert {"image/png", "text/html"} <= kinds, "a tutorial shows figures and tables"
    assert "Empty DataFrame" not in json.dumps(outputs), "a table has no rows"
    assert not any(output["output_type"] == "error" or output.get("name") == "stderr" for output in outputs)


@by_script
def test_a_tutorial_begins_with_what_is_learnt_and_ends_with_exercises_and_where_to_read_on(script):
    first, *_, last = cells(script, "markdown")
    assert "**Afterwards you will know**" in first
    assert "## Exercise" in last
    assert "## Read on" in last


def test_links_of_tutorials_lead_somewhere():
    for script in SCRIPTS:
        for target in re.findall(r"\]\(([^)#:]+)[^):]*\)", "\n".join(cells(script, "markdown"))):
            assert (script.parent / target).exists(), f"{script.name}: {target}"


def test_notebooks_are_small_enough_for_a_repository():
    assert sum(script.with_suffix(".ipynb").stat().st_size for script in SCRIPTS) < 1_500_000

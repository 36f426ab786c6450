"""Execute the tutorials: ``python scripts/tutorials.py [NAME ...]`` makes a notebook of each script in docs/tutorials.

Scripts are in percent format: ``# %%`` begins a cell of code, ``# %% [markdown]`` one of text. Notebooks hold their
outputs, and the same outputs give the same bytes: no times, no counters of the process, cells named by their content.
"""

import argparse
import json
import os
import sys
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Iterator
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

FOLDER = Path(__file__).parents[1] / "docs" / "tutorials"
_MARK = "# %%"
_COLOURS = 96


def scripts() -> list[Path]:
    """Return the tutorials in their order."""
    return sorted(FOLDER.glob("[0-9]*.py"))


def notebook(script: Path) -> dict[str, Any]:
    """Return a script as a notebook without outputs."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": list(_cells(script)), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _cells(script: Path) -> Iterator[dict[str, Any]]:
    first, *parts = f"\n{script.read_text(encoding='utf-8')}".split(f"\n{_MARK}")
    if first.strip():
        raise ValueError(f"{script}: must begin with a cell; put '{_MARK}' into its first line.")
    for number, part in enumerate(parts):
        kind, _, text = part.partition("\n")
        told = kind.strip() == "[markdown]"
        source = _uncommented(text) if told else text.strip("\n")
        named = {"id": f"{number}-{sha256(source.encode()).hexdigest()[:8]}", "metadata": {}, "source": source}
        yield {"cell_type": "markdown", **named} if told else {"cell_type": "code", **named, **_NOT_RUN}


_NOT_RUN: dict[str, Any] = {"execution_count": None, "outputs": []}


def _uncommented(text: str) -> str:
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in text.strip("\n").splitlines())


def executed(script: Path, folder: Path) -> str:
    """Return a notebook with its outputs as text, after it was executed in a folder.

    Raises:
        nbclient.exceptions.CellExecutionError: if a cell raises.
    """
    import nbformat  # noqa: PLC0415 - tests read scripts without what executes notebooks
    from nbclient import NotebookClient  # noqa: PLC0415 - likewise

    made = nbformat.from_dict(notebook(script))
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(made, resources=where, record_timing=False, timeout=600).execute()
    for cell in made["cells"]:
        if cell["cell_type"] == "code":
            _settle(cell, script)
    return json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _settle(cell: dict[str, Any], script: Path) -> None:
    """Take out what another execution would change, and refuse what readers should not see."""
    cell["execution_count"] = None
    for output in cell["outputs"]:
        if output.get("name") == "stderr":
            raise ValueError(f"{script}: a cell writes to stderr: {output['text']}")
        if "execution_count" in output:
            output["execution_count"] = None
        if "image/png" in output.get("data", {}):
            output["data"]["image/png"] = _smaller(output["data"]["image/png"])


def _smaller(picture: str) -> str:
    """Return a picture with few colours, which is all that charts have, at a third of the size."""
    whole, written = Image.open(BytesIO(b64decode(picture))).convert("RGB"), BytesIO()
    whole.quantize(_COLOURS, dither=Image.Dither.NONE).save(written, "PNG", optimize=True)
    return b64encode(written.getvalue()).decode()


def main() -> None:
    """Execute the tutorials that are named, or all."""
    parser = argparse.ArgumentParser(description="Execute tutorials and write their notebooks.")
    parser.add_argument("name", nargs="*", help="the start of a tutorial's file name; by default all")
    names = parser.parse_args().name
    chosen = [each for each in scripts() if not names or each.name.startswith(tuple(names))]
    if not chosen:
        sys.exit(f"no tutorial begins with {', '.join(names)}; there are {', '.join(each.stem for each in scripts())}")
    os.environ["OMP_NUM_THREADS"] = "1"  # numbers depend on it
    os.environ["PYTHONWARNINGS"] = "ignore:IProgress not found"  # a widget that nobody needs
    for script in chosen:
        with tempfile.TemporaryDirectory() as folder:
            text = executed(script, Path(folder))
        target = script.with_suffix(".ipynb")
        target.write_text(text, encoding="utf-8")
        print(f"{target.name}: {len(text) // 1000} kB")


if __name__ == "__main__":
    main()

"""What a person sees while an experiment runs."""

import io

import pytest
from rich.console import Console

from torchal.host import Progress
from torchal.progress import recomputed, shown
from torchal.store import Event

NAMES = tuple(f"tune random-drawn-{number}-s1 cycle 1 trial 2" for number in range(1, 8))


def said(width: int, at_work: tuple[str, ...]) -> list[str]:
    """Return the lines that a terminal of some width shows at last, if that is while stages are at work."""
    console = Console(file=(screen := io.StringIO()), width=width, force_terminal=True, color_system=None)
    with shown("shapes", console) as watch:
        watch(Progress(20, 132, at_work))
        watch(Event("epoch", "fit", "", "epoch 6 of 15, 38.3%"))
    last = screen.getvalue().rpartition("shapes")
    return "".join(last[1:]).replace("\x1b[?25h", "").splitlines()


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("count", [1, 2])
def test_the_count_and_the_times_stay_in_sight_however_much_is_at_work(width, count):
    text = "\n".join(said(width, NAMES[:count]))
    assert "shapes" in text
    assert "20/132 stages, 0 trials 0:00:00" in text


def test_each_stage_at_work_has_a_line_and_many_are_counted():
    lines = [line.strip() for line in said(80, NAMES)]
    assert [line for line in lines if line.startswith("tune")] == list(NAMES[:4])
    assert lines[-2:] == ["and 3 more", "fit: epoch 6 of 15, 38.3%"]


def test_a_narrow_terminal_cuts_a_stage_and_wraps_nothing():
    assert all(len(line) <= 80 for line in said(80, ("x" * 200,)))
    assert sum("x" in line for line in said(80, ("x" * 200,))) == 1


def test_a_log_has_a_line_for_each_tenth():
    console = Console(file=(log := io.StringIO()), width=80, force_terminal=False)
    with shown("shapes", console) as watch:
        for finished in range(11):
            watch(Progress(finished, 100, ()))
    assert log.getvalue().splitlines()[0] == "shapes: 10 of 100 stages, 0 trials"


def test_who_waits_for_a_verification_sees_what_it_is_at():
    console = Console(file=(screen := io.StringIO()), width=80, force_terminal=True, color_system=None)
    with recomputed(console) as hear:
        hear(Event("commit", "fit", "0" * 64))
        hear(Event("epoch", "fit", "", "epoch 3 of 9 [slow]"))
    assert "recomputing: 1 entries so far; fit epoch 3 of 9 [slow]" in screen.getvalue()


def test_a_log_is_told_nothing_of_a_verification():
    with recomputed(Console(file=(log := io.StringIO()), force_terminal=False)) as hear:
        hear(Event("commit", "fit", "0" * 64))
    assert log.getvalue().strip() == ""

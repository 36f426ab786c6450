"""Who computes."""

from concurrent.futures import BrokenExecutor, Future
from threading import Event

import pytest
from small_runs import changed, compute, contents

from torchal.engines import named, usual
from torchal.engines.here import Here
from torchal.engines.processes import Processes
from torchal.engines.ray import Ray
from torchal.engines.slurm import LOGS, Slurm, _Looker
from torchal.host import Host
from torchal.launch import run_experiment

pytestmark = pytest.mark.unchecked


def test_an_engine_is_asked_for_by_name_or_by_yaml():
    assert named("ray") == Ray()
    assert named("{name: slurm, minutes: 90, partition: gpu}") == Slurm(minutes=90, partition="gpu")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rya", "did you mean 'ray'"),
        ("{name: slurm, minuts: 3}", "minuts"),
        ("{name: ray, gpus: -1}", "gpus"),
        ("[ray]", "give a name"),
        ("{", "--on {"),
    ],
)
def test_what_is_no_engine_is_refused_in_a_sentence(text, said):
    with pytest.raises(ValueError, match="--on") as error:
        named(text)
    assert said in str(error.value)


def test_one_job_is_this_process_and_several_are_a_pool(tmp_path):
    assert isinstance(usual(Host(tmp_path)), Here)
    assert isinstance(usual(Host(tmp_path, jobs=2)), Processes)
    assert Processes().slots(Host(tmp_path, jobs=3)) == 3


class Job:
    """A job of which nothing is heard any more, or whose state cannot even be asked for."""

    job_id = "7_1"

    def __init__(self, *, asked: Exception | None = None, ended: bool = False) -> None:
        self.asked, self.ended = asked, ended

    def done(self) -> bool:
        if self.asked:
            raise self.asked
        return self.ended

    def exception(self):
        from submitit.core.utils import UncompletedJobError

        raise UncompletedJobError("no result file")


def looked(job: Job, known, patience: float) -> Future:
    """Look at a job three times and return its future."""
    waiting, over, left = {job: Future()}, Event(), iter(range(3))

    def queued():
        if next(left) == 2:
            over.set()
        return known

    future = waiting[job]
    _Looker(waiting, queued, patience).look(over, 0.01)
    assert (job in waiting) == (not future.done())
    return future


def test_a_job_that_ends_without_an_answer_fails_its_run_and_does_not_end_the_others():
    error = looked(Job(ended=True), {"7_1"}, 60).exception(0)
    assert "Slurm's job 7_1 ended without an answer" in str(error)
    assert not isinstance(error, BrokenExecutor)  # which would end the experiment


def test_a_job_that_the_queue_knows_no_more_is_given_up_after_some_patience():
    assert "ended without an answer" in str(looked(Job(), {"7_2"}, 0).exception(0))
    assert not looked(Job(), {"7_2"}, 60).done()
    assert not looked(Job(), {"7_1"}, 0).done()
    assert not looked(Job(), None, 0).done()  # nobody knows


def test_a_job_that_cannot_be_asked_for_fails_its_run_and_does_not_end_the_looking():
    assert str(looked(Job(asked=OSError("sacct: broken")), None, 0).exception(0)) == "sacct: broken"


@pytest.mark.timeout(90)
def test_jobs_of_submitit_give_the_bytes_of_one_process(tmp_path):
    spec = changed(strategy=["random"], seed=[1], tuning={"scope": "fixed"}, setting={"cycles": 1, "budget": 10})
    engine = Slurm(cluster="local", poll=0.2, ahead=2)
    assert run_experiment(spec, Host(tmp_path / "jobs"), engine=engine) == []
    compute(tmp_path / "here", spec, jobs=1)
    found = {name: data for name, data in contents(tmp_path / "jobs").items() if not name.startswith(LOGS)}
    assert found == contents(tmp_path / "here")


@pytest.mark.timeout(90)
def test_a_stage_that_fails_in_a_job_fails_its_run_with_the_jobs_traceback(tmp_path):
    spec = changed(strategy=["random"], seed=[1], tuning={"scope": "fixed"}, setting={"cycles": 1, "budget": 10})
    (tmp_path / "results" / "store").mkdir(parents=True)
    (tmp_path / "results" / "store" / "fit").write_text("in the way")
    (failure, *_) = run_experiment(spec, Host(tmp_path / "results"), engine=Slurm(cluster="local", poll=0.2))
    assert failure.stage == "fit"
    assert "fit" in failure.error

"""Who computes."""

import pytest
from small_runs import changed, compute, contents

from torchal.engines import named, usual
from torchal.engines.here import Here
from torchal.engines.processes import Processes
from torchal.engines.ray import Ray
from torchal.engines.slurm import LOGS, Slurm
from torchal.host import Host
from torchal.launch import run_experiment


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

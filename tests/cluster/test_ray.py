"""Experiments on Ray: a cluster of two machines, of which one dies, gives the bytes of one process."""

import os
import signal
import threading
import time

import pytest
from small_runs import changed, compute, contents

from torchal.engines.ray import Ray
from torchal.host import Host
from torchal.launch import run_experiment
from torchal.store import Store

ray = pytest.importorskip("ray")
cluster_utils = pytest.importorskip("ray.cluster_utils")


@pytest.fixture
def cluster():
    """Two machines of one processor each, which are processes here."""
    found = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = found.add_node(num_cpus=1)
    ray.init(address=found.address, log_to_driver=False, logging_level="error")
    yield second
    ray.shutdown()
    found.shutdown()


@pytest.mark.timeout(165)  # a busy machine starts its cluster slowly
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of Ray's own sockets and processes
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # likewise
def test_a_machine_that_is_killed_in_mid_stage_is_not_noticed_in_the_results(cluster, tmp_path):
    killed = []

    def kill() -> None:
        while len(list((tmp_path / "ray").glob("store/trial/*"))) < 8:
            time.sleep(0.02)
        (raylet,) = cluster.all_processes["raylet"]
        os.kill(raylet.process.pid, signal.SIGKILL)
        killed.append(len(list((tmp_path / "ray").glob("store/*/*"))))

    threading.Thread(target=kill, daemon=True).start()
    assert run_experiment(changed(), Host(tmp_path / "ray"), engine=Ray()) == []
    assert killed
    Store(tmp_path / "ray" / "store").sweep()
    compute(tmp_path / "here", jobs=1)
    found, expected = (
        {k: v for k, v in contents(tmp_path / each).items() if "drafts" not in k} for each in ("ray", "here")
    )
    assert found == expected
    assert killed[0] < len(list((tmp_path / "here").glob("store/*/*")))

import subprocess
import sys

import pytest
import torch

from torchal.digest import canonical, canonical_of, digest_of, seed_of
from torchal.rng import generator, seeded


def test_canonical_json_depends_on_content_not_on_the_order_of_keys():
    assert canonical({"b": 1, "a": [1.5, None, "ü"]}) == '{"a":[1.5,null,"ü"],"b":1}'
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})


def test_a_mapping_put_together_from_the_json_of_its_values_is_the_json_of_the_mapping():
    value = {"b": {"d": 1, "c": "ü"}, "a": [1.5, None], 'with "quotes"': True}
    assert canonical_of({name: canonical(each) for name, each in value.items()}) == canonical(value)
    assert canonical_of({}) == canonical({})


def test_nan_has_no_canonical_form():
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical({"a": float("nan")})


def test_seeds_fit_in_63_bits_and_differ_by_address():
    seeds = [seed_of("a", n) for n in range(100)]
    assert len(set(seeds)) == 100
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert seed_of("a", ("b", 1)) != seed_of("a", "b", 1)


def test_two_processes_with_different_hash_seeds_agree_on_a_seed():
    code = "from torchal.digest import seed_of; print(seed_of('partition', 3, {'b': 1, 'a': 2}))"
    answers = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(answers) == 1


def test_seeded_leaves_the_global_stream_as_it_found_it():
    before = torch.get_rng_state()
    with seeded("x"):
        first = torch.rand(3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(5)
    with seeded("x"):
        assert torch.equal(torch.rand(3), first)


def test_seeded_restores_the_global_stream_after_an_error():
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError), seeded("x"):
        raise RuntimeError
    assert torch.equal(torch.get_rng_state(), before)


def test_a_generator_belongs_to_its_address():
    draws = [torch.rand(4, generator=generator("a", n)) for n in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there the calls are carried out")
def test_seeding_a_million_times_keeps_nothing_for_devices_that_are_not_there():
    queued = len(torch.cuda._queued_calls), len(torch.xpu._queued_calls), len(torch.mtia._queued_calls)
    for number in range(10):
        with seeded("again", number):
            pass
    assert (len(torch.cuda._queued_calls), len(torch.xpu._queued_calls), len(torch.mtia._queued_calls)) == queued

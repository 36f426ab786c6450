from torchal.condition import conditions
from torchal.data.oracle import Answers
from torchal.data.pool import Pool
from torchal.training.recipe import Recipe
from torchal.tuning.tuning import Tuning


def told(*specs, word="") -> tuple[str, ...]:
    return conditions([[(word, spec)] for spec in specs])


def test_runs_under_one_condition_need_no_words():
    assert told(Answers(), Answers()) == ("", "")


def test_a_field_is_told_with_its_value_in_every_run_even_where_it_is_the_default():
    assert told(Tuning(scope="fixed"), Tuning(scope="first_seed")) == ("scope fixed", "scope first_seed")


def test_a_part_that_only_some_have_is_told_by_what_was_set_in_it():
    noisy = Answers(noise={"symmetric": 0.1})
    assert told(Answers(), noisy) == ("no noise", "noise symmetric 0.1")
    assert told(Answers(), noisy, Answers(noise={"symmetric": 0.2})) == (
        "no noise",
        "noise symmetric 0.1",
        "noise symmetric 0.2",
    )


def test_a_word_goes_before_the_fields_of_a_spec_that_needs_one():
    assert told(Pool(), Pool(imbalance="torchal"), word="pool") == ("no pool imbalance", "pool imbalance torchal")


def test_plugins_are_told_by_their_name():
    assert told(Tuning(sampler="random"), Tuning(sampler="tpe"))[1].startswith("sampler tpe")
    assert told(Tuning(pruner=None), Tuning(pruner="median")) == ("no pruner", "pruner median")


def test_a_part_with_many_fields_is_told_by_its_name_alone():
    assert told(Recipe.model_validate("plain"), Recipe.model_validate("strong"), word="recipe") == (
        "no recipe augment randaugment, no recipe swa",
        "recipe augment randaugment, recipe swa",
    )


def test_a_long_value_is_told_by_its_digest():
    rows = [[float(a == b) for b in range(10)] for a in range(10)]
    (clean, noisy) = told(Answers(), Answers(noise={"confusion": rows}))
    assert clean == "no noise"
    assert len(noisy) < 40

import pytest
import torch
from pydantic import ValidationError

from torchal.data.sources.cifar10 import Cifar10
from torchal.data.sources.cifar100 import Cifar100
from torchal.experiment import ExperimentSpec
from torchal.training.recipe import Augment, Recipe, Schedule
from torchal.training.schedule import rate_factor
from torchal.tuning.space import check
from torchal.tuning.spaces import STRONG
from torchal.tuning.tuning import Tuning


def test_a_recipe_may_be_given_by_name_with_some_of_its_fields_changed():
    strong = Recipe.model_validate({"preset": "strong", "epochs": 9, "augment": {"randaugment": {"magnitude": 7}}})
    assert (strong.epochs, strong.swa.epochs, strong.all_epochs) == (9, 50, 59)
    assert (strong.augment.randaugment.magnitude, strong.augment.randaugment.operations) == (7, 1)
    assert strong.augment.standard
    assert Recipe.model_validate("plain") == Recipe(augment=Augment(standard=True))
    assert Recipe.model_validate(strong.document()) == strong


def test_an_unknown_recipe_is_refused_with_the_nearest_name():
    with pytest.raises(ValidationError, match="did you mean 'strong'"):
        Recipe.model_validate("strang")


def test_the_strong_space_fits_the_strong_recipe_and_is_refused_with_the_plain_one():
    tuning = Tuning.model_validate({"space": "strong"})
    assert tuning.space == STRONG
    check(tuning.space, Recipe.model_validate("strong"))
    with pytest.raises(ValueError, match=r"recipe has no augment\.randaugment: switch it on, as recipe strong does"):
        check(tuning.space, Recipe.model_validate("plain"))
    with pytest.raises(ValidationError, match="did you mean 'paper'"):
        Tuning.model_validate({"space": "papper"})


def test_where_a_training_begins_cannot_be_searched():
    with pytest.raises(ValueError, match=r"space\.init"):
        check(Tuning.model_validate({"space": {"init": ["scratch", "previous"]}}).space, Recipe())


@pytest.mark.parametrize(
    ("source", "expected"), [(Cifar10, Augment(flip=True)), (Cifar100, Augment(crop=4, flip=True))]
)
def test_the_standard_augmentation_is_the_papers_for_each_data_set(source, expected):
    assert Recipe.model_validate("plain").for_data(source.augment).augment == expected


def test_a_run_has_its_data_sets_augmentation_written_out_and_the_experiment_has_not():
    experiment = ExperimentSpec.model_validate(
        {
            "name": "a",
            "dataset": ["cifar10", "cifar100", "digits"],
            "model": "resnet8",
            "strategy": "random",
            "partition": {"drawn": [1], "labelled": 10, "validation": 10},
            "seed": 1,
            "setting": {"cycles": 1, "budget": 1},
            "recipe": "plain",
        }
    )
    assert experiment.recipe[0].augment.standard
    found = [run.recipe.augment for run in experiment.runs()]
    assert found == [Augment(flip=True), Augment(crop=4, flip=True), Augment()]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"swa": {}, "ema": {}}, "remove one"),
        ({"optimizer": "adam", "units": "decoupled"}, "take adamw"),
        ({"optimizer": "adamw", "nesterov": True}, "nesterov needs"),
        ({"batch": 2, "accumulate": 3}, "accumulate 3 is above batch 2"),
        ({"augment": {"window": [0.9, 0.1]}}, "smaller share second"),
    ],
)
def test_fields_that_contradict_each_other_are_refused_with_the_remedy(fields, message):
    with pytest.raises(ValidationError, match=message):
        Recipe.model_validate(fields)


def test_warm_up_rises_to_the_full_rate_and_the_schedule_fills_the_rest():
    schedule = Schedule(name="linear", warmup=0.4)
    found = [rate_factor(schedule, step, 10) for step in range(10)]
    assert found == pytest.approx([1 / 5, 2 / 5, 3 / 5, 4 / 5, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6])


def moved(recipe: Recipe, examples: int, gradient: float, weight: float) -> float:
    """Return how far a weight moves while so many examples are seen, under a gradient that never changes."""
    from torchal.training.optimizer import optimizer_of

    parameter = torch.nn.Parameter(torch.tensor([weight], dtype=torch.float64))
    optimizer = optimizer_of(recipe, [parameter])
    for _ in range(examples // recipe.batch):
        parameter.grad = torch.full_like(parameter, gradient)
        optimizer.step()
    return parameter.item() - weight


@pytest.mark.parametrize("batch", [16, 128])
@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_decoupled_units_say_what_1024_examples_do_whatever_batch_and_momentum_are(batch, momentum):
    recipe = Recipe(units="decoupled", lr=1e-3, weight_decay=0, batch=batch, momentum=momentum)
    steady = moved(recipe, 1024 * 200, 2.0, 0.0) - moved(recipe, 1024 * 100, 2.0, 0.0)
    assert steady == pytest.approx(-100 * 1e-3 * 2.0, rel=1e-6)
    decaying = Recipe(units="decoupled", lr=1e-3, weight_decay=1e-4, batch=batch, momentum=momentum)
    assert moved(decaying, 1024 * 100, 0.0, 1.0) == pytest.approx(-100 * 1e-4, rel=0.02)


@pytest.mark.parametrize("batch", [16, 128])
def test_decoupled_units_of_adamw_say_the_same(batch):
    recipe = Recipe(optimizer="adamw", units="decoupled", lr=1e-3, weight_decay=0, batch=batch)
    assert moved(recipe, 1024 * 100, 3.0, 0.0) == pytest.approx(-100 * 1e-3, rel=1e-3)
    decaying = Recipe(optimizer="adamw", units="decoupled", lr=1e-3, weight_decay=1e-4, batch=batch)
    assert moved(decaying, 1024 * 100, 0.0, 1.0) == pytest.approx(-100 * 1e-4, rel=0.02)

import pytest
import torch
from pydantic import ValidationError

from torchal.models.anynet import Anynet
from torchal.models.efficientnet_b0 import EfficientnetB0, Inverted, Row
from torchal.models.regnet import DESIGNS, Regnet, stages_of
from torchal.rng import generator, seeded


def parameters(model, side=224, classes=1000) -> int:
    with torch.device("meta"):
        network = model.build((3, side, side), classes)
    return sum(each.numel() for each in network.parameters())


@pytest.mark.parametrize(
    ("design", "count"),
    [
        ("x-200mf", 2_684_792),
        ("x-400mf", 5_495_976),
        ("x-800mf", 7_259_656),
        ("y-200mf", 3_162_996),
        ("y-400mf", 4_344_144),
        ("y-800mf", 6_432_512),
    ],
)
def test_a_regnet_has_its_published_number_of_parameters(design, count):
    assert parameters(Regnet(design=design, stem="imagenet")) == count


def test_a_regnets_stages_are_the_published_ones():
    assert stages_of(DESIGNS["x-400mf"]) == [(32, 1), (64, 2), (160, 7), (400, 12)]
    assert stages_of(DESIGNS["y-400mf"]) == [(48, 1), (104, 3), (208, 6), (440, 6)]


def test_an_anynet_with_a_regnets_numbers_is_that_regnet():
    assert parameters(Anynet()) == parameters(Regnet(design="x-400mf"))
    squeezed = Anynet(depths=(1, 3, 6, 6), widths=(48, 104, 208, 440), group_widths=(8,) * 4, squeeze=0.25)
    assert parameters(squeezed) == parameters(Regnet(design="y-400mf"))


@pytest.mark.parametrize(("classes", "count"), [(1000, 5_288_548), (10, 4_020_358)])
def test_efficientnet_b0_has_its_published_number_of_parameters(classes, count):
    assert parameters(EfficientnetB0(stem="imagenet"), classes=classes) == count


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"widths": (32, 64)}, "2 values for 4 stages"),
        ({"group_widths": (16, 16, 16, 24)}, "24 does not divide the 400 channels"),
    ],
)
def test_numbers_that_make_no_anynet_are_refused(fields, message):
    with pytest.raises(ValidationError, match=message):
        Anynet(**fields)


@pytest.mark.parametrize("model", [Anynet(), Regnet(), EfficientnetB0()], ids=lambda each: each.plugin_name())
def test_vectors_and_images_too_small_are_refused_with_the_remedy(model):
    for shape in ((12,), (3, 8, 8)):
        with pytest.raises(ValueError, match=rf"model {model.plugin_name()}: takes images .*choose mlp"):
            model.build(shape, 10)


def test_width_scales_a_network_and_keeps_whole_groups():
    assert parameters(Regnet(width=12)) < parameters(Regnet()) < parameters(Regnet(width=48))
    assert parameters(EfficientnetB0(width=16)) < parameters(EfficientnetB0())


def test_stochastic_depth_drops_whole_branches_image_by_image_and_keeps_their_mean():
    block = Inverted(8, Row(1, 8, 1, 1, 3), drop=0.5)
    x = torch.rand(64, 8, 5, 5, generator=generator("depth"))
    block.branch = torch.nn.Identity()
    with seeded("depth"):
        ratio = (block.train()(x) / x).round().flatten(1)
    assert torch.equal(ratio.amin(1), ratio.amax(1))
    assert set(ratio.unique().tolist()) == {1.0, 3.0}  # the input, and twice the branch or nothing
    assert torch.equal(block.eval()(x), 2 * x)

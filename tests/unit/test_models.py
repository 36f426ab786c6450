import pytest
import torch
from pydantic import ValidationError
from torch import nn

from torchal.models import Model
from torchal.models._average import AverageTo
from torchal.models._image import least_side
from torchal.models._resnet import basic, bottleneck
from torchal.models._shake import ShakeBlock, ShiftedShortcut, shake_network, shaken
from torchal.models._wide import WideBlock
from torchal.models.mlp import Mlp
from torchal.models.resnet8 import Resnet8
from torchal.models.resnet18 import Resnet18
from torchal.models.resnet34 import Resnet34
from torchal.models.resnet50 import Resnet50
from torchal.models.resnext50 import Resnext50
from torchal.models.shake26_2x32d import Shake26x32
from torchal.models.shake26_2x96d import Shake26x96
from torchal.models.vgg16 import Vgg16
from torchal.models.vgg19 import Vgg19
from torchal.models.wrn28_2 import Wrn28x2
from torchal.models.wrn28_10 import Wrn28x10
from torchal.models.wrn50_2 import Wrn50x2
from torchal.rng import generator, seeded
from torchal.spec import resolve

POOLED = [
    "resnet8",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnext50",
    "wrn50_2",
    "wrn28_2",
    "wrn28_10",
    "shake26_2x32d",
    "shake26_2x96d",
]


def built(model, shape=(3, 32, 32), classes=10):
    with torch.device("meta"):
        return model.build(shape, classes)


def size(network):
    return sum(parameter.numel() for parameter in network.parameters())


def kinds(network, kind):
    return [step for step in network.body.modules() if isinstance(step, kind)]


def images(*shape):
    return torch.randn(shape, generator=generator("images"), dtype=torch.float64)


@pytest.mark.parametrize(
    ("model", "classes", "count"),
    [
        (Vgg16(), 10, 119_590_474),
        (Vgg16(), 100, 119_636_644),
        (Resnet8(), 10, 78_042),
        (Resnet18(), 10, 11_173_962),
        (Resnet18(), 100, 11_220_132),
        (Resnet18(stem="imagenet"), 10, 11_181_642),
        (Resnet18(stem="imagenet"), 1000, 11_689_512),
        (Resnet34(), 10, 21_282_122),
        (Resnet34(stem="imagenet"), 1000, 21_797_672),
        (Resnet50(), 10, 23_520_842),
        (Resnet50(), 100, 23_705_252),
        (Resnet50(stem="imagenet"), 10, 23_528_522),
        (Resnet50(stem="imagenet"), 1000, 25_557_032),
        (Resnext50(stem="imagenet"), 1000, 25_028_904),
        (Wrn50x2(stem="imagenet"), 10, 66_854_730),
        (Wrn50x2(stem="imagenet"), 100, 67_039_140),
        (Wrn50x2(stem="imagenet"), 1000, 68_883_240),
        (Wrn28x2(), 10, 1_469_642),
        (Wrn28x2(), 100, 1_481_252),
        (Wrn28x10(), 10, 36_489_290),
        (Wrn28x10(), 100, 36_546_980),
        (Shake26x32(), 10, 2_932_266),
        (Shake26x32(), 100, 2_943_876),
    ],
    ids=lambda each: each.label if isinstance(each, Model) else None,
)
def test_a_network_has_the_published_number_of_parameters(model, classes, count):
    assert size(built(model, classes=classes)) == count


def test_vgg19_is_vgg16_and_three_more_convolutions_with_their_normalisation():
    def convolution(width):
        return (9 * width * width + width) + 2 * width

    assert size(built(Vgg19())) == 119_590_474 + convolution(256) + 2 * convolution(512) == 124_902_730


def shake_count(width, stem, classes):
    """Count stem, blocks and head by hand; the two halves of a shortcut weigh as much as one 1x1 convolution."""
    count, width_in = (27 + 2) * stem, stem
    for channels in (width, 2 * width, 4 * width):
        count += channels * width_in + 2 * channels if channels != width_in else 0
        for _ in range(4):
            count += 2 * (9 * width_in * channels + 9 * channels * channels + 2 * 2 * channels)
            width_in = channels
    return count + (4 * width + 1) * classes


@pytest.mark.parametrize(
    ("model", "stem", "count", "millions"),
    [(Shake26x32(), 16, 2_923_162, 2.9), (Shake26x96(), 16, 26_192_922, 26.2)],
    ids=["2x32d", "2x96d"],
)
def test_shake_shake_with_the_authors_stem_has_the_papers_millions_of_parameters(model, stem, count, millions):
    network = built(model)
    with torch.device("meta"):
        published = shake_network(model, (3, 32, 32), 10, stem)
    assert size(published) == shake_count(model.width, stem, 10) == count
    assert round(count / 1e6, 1) == millions
    assert size(network) == shake_count(model.width, network.body[0].out_channels, 10)


def test_only_the_small_shake_shake_has_torchals_wide_stem():
    assert [built(model).body[0].out_channels for model in (Shake26x32(), Shake26x96())] == [32, 16]


@pytest.mark.parametrize("model", [Vgg16(), Vgg19()], ids=["vgg16", "vgg19"])
def test_torchals_vgg_has_one_dropout_layer_and_512_rectified_features(model):
    network = built(model)
    assert [step.p for step in kinds(network, nn.Dropout)] == [0.5]
    assert network.head.in_features == 512
    assert isinstance(network.body[-1], nn.ReLU)


@pytest.mark.parametrize(("model", "features"), [(Wrn28x2(), 128), (Wrn28x10(), 640)], ids=["wrn28_2", "wrn28_10"])
def test_torchals_wide_networks_drop_in_twelve_places_and_leak(model, features):
    network = built(model)
    assert [step.p for step in kinds(network, nn.Dropout)] == [0.3] * 12
    assert {step.negative_slope for step in kinds(network, nn.LeakyReLU)} == {0.2}
    assert not kinds(network, nn.ReLU)
    assert network.head.in_features == features


def test_dropout_in_the_blocks_of_a_wide_network_has_its_own_option():
    network = built(Wrn28x2(width=4, block_dropout=0.1, dropout=0.4))
    assert [step.p for step in kinds(network, nn.Dropout)] == [0.1] * 12 + [0.4]


@pytest.mark.parametrize("name", POOLED)
def test_dropout_before_the_head_can_be_had_everywhere(name):
    kind, off = resolve(Model, name), {"block_dropout": 0.0} if name.startswith("wrn28") else {}
    without, with_it = built(kind(width=4, **off)), built(kind(width=4, dropout=0.2, **off))
    assert all(step.p == 0 for step in kinds(without, nn.Dropout))
    assert isinstance(with_it.body[-1], nn.Dropout)
    assert with_it.body[-1].p == 0.2
    assert len(with_it.body) == len(without.body) + 1


@pytest.mark.parametrize("name", [*POOLED, "vgg16", "vgg19"])
def test_features_scale_with_the_width(name):
    kind = resolve(Model, name)
    full, half = kind(), kind(width=kind().width // 2)
    assert built(full).head.in_features == 2 * built(half).head.in_features


# --- sizes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("halvings", range(1, 7))
def test_the_least_side_is_the_first_that_no_halving_meets_at_one(halvings):
    def survives(side):
        for _ in range(halvings):
            if side == 1:
                return False
            side = (side + 1) // 2
        return True

    assert least_side(halvings) == next(side for side in range(1, 100) if survives(side))


@pytest.mark.parametrize(
    ("name", "options", "side"),
    [
        ("resnet8", {}, 3),
        ("resnet8", {"stem": "imagenet"}, 9),
        ("resnet18", {}, 5),
        ("resnet34", {}, 5),
        ("resnet50", {}, 5),
        ("resnet50", {"stem": "imagenet"}, 17),
        ("resnext50", {}, 5),
        ("wrn50_2", {}, 5),
        ("wrn28_2", {}, 3),
        ("wrn28_10", {}, 3),
        ("shake26_2x32d", {}, 3),
        ("shake26_2x96d", {}, 3),
        ("vgg16", {}, 32),
        ("vgg19", {}, 32),
    ],
)
def test_an_image_is_taken_or_refused_before_its_maps_collapse(name, options, side):
    model = resolve(Model, name)(width=4, **options)
    network = built(model, (2, side, side + 3))
    assert network(torch.empty(2, 2, side, side + 3, device="meta")).shape == (2, 10)
    with pytest.raises(ValueError, match=rf"model {name}: .* at least {side}x{side} .*{side - 1}\); .*choose"):
        built(model, (2, side + 3, side - 1))


def test_a_large_stem_is_named_as_what_to_change_for_small_images():
    with pytest.raises(ValueError, match="set its stem to cifar"):
        built(Resnet18(stem="imagenet"), (3, 8, 8))


def test_the_large_stem_quarters_the_size_before_the_first_block():
    body = built(Resnet18(width=4, stem="imagenet"), (3, 64, 64)).body
    assert body[:4](torch.empty(2, 3, 64, 64, device="meta")).shape == (2, 4, 16, 16)


# --- blocks -----------------------------------------------------------------------------------------------------------


def test_a_bottleneck_halves_the_size_in_its_3x3_convolution():
    layers = [layer for layer in bottleneck(8, 16, 2).residual if isinstance(layer, nn.Conv2d)]
    assert [(layer.kernel_size[0], layer.stride[0]) for layer in layers] == [(1, 1), (3, 2), (1, 1)]


@pytest.mark.parametrize(("width", "groups"), [(64, 32), (8, 4)])
def test_the_groups_of_resnext_hold_four_channels_in_the_first_stage(width, groups):
    layers = [layer for layer in kinds(built(Resnext50(width=width)), nn.Conv2d) if layer.groups > 1]
    assert [layer.groups for layer in layers] == [groups] * 16
    assert layers[0].in_channels == 4 * groups


def test_an_odd_width_that_would_split_groups_is_refused():
    with pytest.raises(ValidationError, match="multiple of 2"):
        Resnext50(width=9)


@pytest.mark.parametrize(
    ("block", "expected"),
    [(basic(4, 4, 1), torch.relu), (bottleneck(4, 4, 1), torch.relu), (ShakeBlock(4, 4, 1), torch.clone)],
    ids=["basic", "bottleneck", "shake"],
)
def test_a_block_whose_branches_are_silent_passes_its_input_on(block, expected):
    x = images(2, 4, 5, 5)
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.zeros_(module.weight)
    assert torch.equal(block.double()(x), expected(x))


def test_a_wide_block_normalises_before_it_convolves_and_leaves_its_sum_as_it_is():
    block = WideBlock(4, 4, 1, dropout=0.0).double().eval()
    x = images(2, 4, 5, 5)
    first, second = (layer for layer in block.residual if isinstance(layer, nn.Conv2d))

    def active(x):  # a fresh normalisation in evaluation divides by sqrt(1 + 1e-5)
        return nn.functional.leaky_relu(x / (1 + 1e-5) ** 0.5, 0.2)

    assert torch.allclose(block(x), x + second(active(first(active(x)))), atol=1e-12)


# --- shake-shake ------------------------------------------------------------------------------------------------------


def weights(n):
    """Mix maps of ones with maps of zeros, so that values and gradients are the weights themselves."""
    first, second = torch.ones(n, 2, 3, 3).requires_grad_(), torch.zeros(n, 2, 3, 3).requires_grad_()
    with seeded("shake"):
        mixture = shaken(first, second)
    mixture.sum().backward()
    return mixture.detach(), first.grad, second.grad


def test_a_mixture_and_its_gradients_have_one_weight_for_each_image():
    alpha, beta, rest = weights(6)
    for each in (alpha, beta):
        assert torch.allclose(each, each[:, :1, :1, :1].expand_as(each))
        assert len(each[:, 0, 0, 0].unique()) == 6
    assert torch.allclose(beta + rest, torch.ones(()))
    assert (alpha - beta).abs().max() > 0.1


def test_a_mixture_is_the_weighted_sum_of_its_branches():
    first, second = images(3, 2, 4, 4), images(3, 2, 4, 4) * 2 - 1
    with seeded("shake"):
        mixture = shaken(first, second)
    with seeded("shake"):
        alpha, _ = torch.rand(2, 3, 1, 1, 1, dtype=torch.float64)
    assert torch.allclose(mixture, alpha * first + (1 - alpha) * second, atol=1e-12)


def test_forward_and_backward_weights_are_uniform_and_independent():
    alpha, beta, _ = (each[:, 0, 0, 0] for each in weights(20_000))
    for each in (alpha, beta):
        assert (each.min() >= 0) & (each.max() <= 1)
        assert each.mean() == pytest.approx(1 / 2, abs=0.01)
        assert each.var() == pytest.approx(1 / 12, abs=0.002)
    assert torch.corrcoef(torch.stack([alpha, beta]))[0, 1].abs() < 0.03


def test_a_shake_block_is_the_mean_of_its_branches_in_evaluation_and_random_in_training():
    block, x = ShakeBlock(4, 4, 1).double(), images(3, 4, 5, 5)
    assert not torch.equal(block(x), block(x))
    block.eval()
    assert torch.allclose(block(x), x + (block.first(x) + block.second(x)) / 2, atol=1e-12)
    assert torch.equal(block(x), block(x))


def test_the_shifted_half_of_a_shortcut_sees_the_pixels_that_the_other_leaves_out():
    shortcut = ShiftedShortcut(1, 2, stride=2).eval()
    for layer in (shortcut.straight, shortcut.shifted):
        nn.init.ones_(layer.weight)
    shortcut.norm.eps = 0.0
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    straight, shifted = shortcut(x)[0]
    assert straight.tolist() == [[0, 2], [8, 10]]
    assert shifted.tolist() == [[0, 0], [0, 5]]
    assert shortcut(-x).abs().max() == 0


# --- others -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 7), (10, 16)])
def test_averages_by_matrix_product_and_their_gradients_equal_torchs_pooling(size):
    ours, theirs = (
        torch.rand(2, 3, *size, generator=generator("maps"), dtype=torch.float64).requires_grad_() for _ in range(2)
    )
    result, expected = AverageTo(7)(ours), torch.nn.AdaptiveAvgPool2d(7)(theirs)
    assert torch.allclose(result, expected, atol=1e-12)
    for each in (result, expected):
        each.square().sum().backward()
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-12)


def test_a_hidden_layer_without_units_is_refused():
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        Mlp(hidden=(16, 0))

import math

import pytest
import torch
from benchmarks.randaugment import ENHANCED, from_pillow, to_pillow, with_pillow
from scipy.stats import chisquare

from torchal.rng import generator
from torchal.testing.models import ExactOnly
from torchal.training import randaugment
from torchal.training.draw import Draw
from torchal.training.randaugment import OPERATIONS, changed, randaugmented

SHAPES = [(3, 32, 32), (1, 28, 28), (3, 24, 40), (3, 33, 17), (3, 2, 2), (1, 1, 1)]


def noise(n: int, *shape: int) -> torch.Tensor:
    return torch.randint(0, 256, (n, *shape), generator=generator("noise", shape), dtype=torch.uint8)


def photographs(n: int, *shape: int) -> torch.Tensor:
    """Soft shapes with a little grain, some of few colours."""
    draw = generator("photographs", shape)
    coarse = torch.rand(n, shape[0], 4, 4, generator=draw)
    soft = torch.nn.functional.interpolate(coarse, size=shape[1:], mode="bicubic")
    x = ((soft + 0.03 * torch.randn(n, *shape, generator=draw)).clamp(0, 1) * 255).byte()
    x[0], x[1, :, : shape[1] // 2] = 77, 30
    return x


def images(n: int, shape: tuple[int, ...]) -> torch.Tensor:
    return torch.cat([noise(n // 2, *shape), photographs(n - n // 2, *shape)])


def drawn(n: int, **placed) -> Draw:
    return Draw(generator("draw"), n, **placed)


def all_by(name: str, x: torch.Tensor, level: float, sign: int = 1, centres: torch.Tensor | None = None):
    """Apply one operation to all images."""
    n = len(x)
    kinds, signs = torch.full((n,), OPERATIONS.index(name)), torch.full((n,), sign)
    centres = torch.full((n, 2), 0.5, dtype=torch.float64) if centres is None else centres
    return changed(x, level, kinds, signs, centres, drawn(n))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_on_a_batch_gives_what_pillow_gives_image_by_image(name, shape):
    x = images(8, shape)
    centres = drawn(8).uniform(2)
    for level, sign in [(m / 9, sign) for m in (1, 4, 5, 9) for sign in (-1, 1)]:
        ours = all_by(name, x, level, sign, centres)
        pairs = zip(x, centres.tolist(), strict=True)
        theirs = [with_pillow(to_pillow(one), name, level, sign, centre) for one, centre in pairs]
        away = (ours.int() - torch.stack([from_pillow(one) for one in theirs]).int()).abs()
        # a compiler may fuse Pillow's multiplication and addition in a blend, and so move a value across an integer
        assert away.max() <= (name in ENHANCED)
        assert (away > 0).double().mean() < 0.01


@pytest.mark.parametrize(
    ("magnitude", "degrees", "shear", "shift"), [(1, 3.3, 0.033, 0.05), (5, 16.7, 0.167, 0.25), (9, 30, 0.3, 0.45)]
)
def test_geometry_has_the_published_ranges(magnitude, degrees, shear, shift):
    back, forth = randaugment._maps(magnitude / 9, 10, 20)
    assert math.degrees(math.acos(forth[0, 0, 0])) == pytest.approx(degrees, abs=0.05)
    assert torch.equal(back[0], forth[0])
    signed = torch.stack([back[1:], forth[1:]])
    found = torch.stack([signed[:, 0, 0, 1], signed[:, 1, 1, 0], signed[:, 2, 0, 2] / 20, signed[:, 3, 1, 2] / 10])
    expected = torch.tensor([[-1, 1]]) * torch.tensor([shear, shear, shift, shift])[:, None]
    assert torch.allclose(found, expected.double(), atol=5e-3)


@pytest.mark.parametrize(
    ("magnitude", "share", "bits", "threshold", "side"),
    [(1, 0.1, 8, 228, 0.09), (5, 0.5, 6, 114, 0.44), (9, 0.9, 4, 0, 0.8)],
)
def test_values_and_cutout_have_the_published_ranges(magnitude, share, bits, threshold, side):
    level, ramp = magnitude / 9, torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    plain = torch.full((1, 1, 100, 100), 100, dtype=torch.uint8)
    assert len(all_by("posterize", ramp, level).unique()) == 2**bits
    assert int((all_by("solarize", ramp, level) != ramp).int().argmax()) == threshold
    for sign in (-1, 1):
        assert all_by("brightness", plain, level, sign)[0, 0, 0, 0] == round(100 * (1 + sign * share))
    assert int((all_by("cutout", plain, level)[0, 0, 50] == 0).sum()) == pytest.approx(100 * side, abs=1)


@pytest.mark.parametrize("name", sorted({*OPERATIONS} - {"invert", "autocontrast", "equalize"}))
def test_an_operation_of_level_0_changes_nothing(name):
    x = images(6, (3, 12, 9))
    assert torch.equal(all_by(name, x, 0.0), x)


def test_without_operations_images_stay():
    x = noise(3, 3, 5, 5)
    assert torch.equal(randaugmented(x, 0, 9, drawn(3)), x)


def test_the_resident_pixels_are_not_written_to():
    x = images(64, (3, 9, 9))
    kept = x.clone()
    randaugmented(x, 2, 9, drawn(64))
    assert torch.equal(x, kept)


def test_an_image_is_changed_alike_in_any_company_and_on_any_number_of_processes():
    x = images(40, (3, 16, 16))
    whole = randaugmented(x, 2, 7, drawn(40))
    shards = [slice(0, 13), slice(13, 39), slice(39, 40)]
    parts = [randaugmented(x[rows], 2, 7, drawn(40, rows=rows)) for rows in shards]
    assert torch.equal(torch.cat(parts), whole)
    strangers = x.clone()
    strangers[1:] = noise(39, 3, 16, 16)
    assert torch.equal(randaugmented(strangers, 2, 7, drawn(40))[0], whole[0])


def test_the_layout_of_memory_that_a_crop_leaves_changes_nothing():
    x = images(60, (3, 16, 16))
    channels_last = x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    assert torch.equal(randaugmented(channels_last, 2, 5, drawn(60)), randaugmented(x, 2, 5, drawn(60)))


def test_the_address_decides_the_changes():
    x = images(40, (3, 16, 16))
    first, again, other = (
        randaugmented(x, 1, 9, Draw(generator("augment", epoch), len(x))) for epoch in ("first", "first", "other")
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_operations_are_drawn_evenly_and_with_replacement(monkeypatch):
    seen = []
    monkeypatch.setattr(randaugment, "changed", lambda x, level, *drawn: seen.append(drawn) or x)
    n = 9000
    randaugmented(noise(n, 1, 1, 1), 2, 5, drawn(n))
    (first, signs, centres, _), (second, *_) = seen
    pairs = torch.bincount(15 * first + second, minlength=225)
    assert chisquare(pairs.numpy()).pvalue > 0.01
    assert signs.unique().tolist() == [-1, 1]
    assert abs(signs.double().mean()) < 0.04
    assert torch.allclose(centres.mean(0), torch.tensor([0.5, 0.5], dtype=torch.float64), atol=0.02)


def test_the_host_never_waits_for_the_images():
    # a meta tensor has no values to wait for
    x = torch.empty(200, 3, 8, 8, dtype=torch.uint8, device="meta")
    assert randaugmented(x, 2, 5, drawn(200, device="meta")).shape == x.shape


def test_every_operation_has_a_deterministic_form_on_an_accelerator():
    with ExactOnly():
        randaugmented(noise(200, 3, 8, 8), 2, 5, drawn(200))


@pytest.mark.parametrize("method", [("integers", 3, 90), ("uniform",), ("signs",)], ids=lambda method: method[0])
def test_processes_that_share_a_batch_draw_the_same_numbers_and_keep_in_step(method):
    name, *limits = method
    whole, part = drawn(10), drawn(10, rows=slice(4, 7))
    for shape in ((), (2,), (2, 3)):
        expected, found = (getattr(each, name)(*limits, *shape) for each in (whole, part))
        assert expected.shape == (10, *shape)
        assert torch.equal(found, expected[4:7])

"""Windows cut out of images: hand-worked boxes, and interpolation against a loop over pixels."""

import math

import pytest
import torch

from torchal.data.windows import boxes, cut

IMAGES = torch.randint(0, 256, (3, 2, 6, 9), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
WINDOWS = torch.tensor([[0.4, 1.3, 0.2, 0.9], [0.1, 0.75, 1.0, 0.0], [0.9, 4 / 3, 0.5, 0.5]])


def reference(image, window):
    """Interpolate between the four nearest pixel centres, one new pixel after the other."""
    height, width = image.shape[1:]
    left, top, wide, high = boxes(window[None], height, width)[0].tolist()
    out = torch.empty(image.shape)
    for row in range(height):
        y = min(max(top + (row + 0.5) / height * high - 0.5, 0), height - 1)
        for column in range(width):
            x = min(max(left + (column + 0.5) / width * wide - 0.5, 0), width - 1)
            up, before = math.floor(y), math.floor(x)
            down, after = min(up + 1, height - 1), min(before + 1, width - 1)
            above = image[:, up, before] * (1 - x + before) + image[:, up, after] * (x - before)
            below = image[:, down, before] * (1 - x + before) + image[:, down, after] * (x - before)
            out[:, row, column] = above * (1 - y + up) + below * (y - up)
    return out


@pytest.mark.parametrize(
    ("window", "box"),
    [
        ((0.25, 1.0, 0.0, 0.0), (0, 0, 10, 10)),
        ((0.25, 1.0, 1.0, 0.5), (10, 5, 10, 10)),
        ((0.125, 2.0, 0.5, 1.0), (5, 15, 10, 5)),
        ((1.0, 1.0, 0.3, 0.7), (0, 0, 20, 20)),
    ],
)
def test_a_box_has_its_share_its_proportions_and_its_place(window, box):
    assert boxes(torch.tensor([window]), 20, 20)[0].tolist() == pytest.approx(box, abs=1e-5)


def test_a_window_wider_than_the_image_is_as_wide_as_the_image():
    left, top, wide, high = boxes(torch.tensor([[1.0, 4.0, 0.7, 1.0]]), 10, 10)[0].tolist()
    assert (left, top, wide, high) == pytest.approx((0, 5, 10, 5), abs=1e-5)


def test_a_window_has_at_least_one_pixel():
    assert boxes(torch.tensor([[1e-6, 1.0, 0.5, 0.5]]), 10, 10)[0, 2:].tolist() == [1, 1]


def test_a_window_of_all_is_the_image():
    whole = torch.tensor([[1.0, 1.5, 0.4, 0.6]]).repeat(3, 1)
    assert torch.equal(cut(IMAGES, whole), IMAGES)


def test_pixels_lie_between_their_neighbours_as_reckoned_by_hand():
    expected = torch.stack([reference(*each) for each in zip(IMAGES, WINDOWS, strict=True)])
    assert float((cut(IMAGES, WINDOWS).float() - expected).abs().max()) <= 0.501


def test_an_image_is_cut_the_same_alone_and_among_others():
    together = cut(IMAGES, WINDOWS)
    alone = [cut(IMAGES[k : k + 1], WINDOWS[k : k + 1]) for k in (2, 0, 1)]
    assert torch.equal(torch.cat(alone), together[[2, 0, 1]])

"""What several processes that train together see of the data; TorchAL's order was the same for all seeds."""

import torch

from torchal.data.dataset import Examples, Resident
from torchal.rng import generator
from torchal.training.recipe import Augment
from torchal.training.views import views
from torchal.training.world import World


def seen(seed: int, size: int, crop: int = 0) -> torch.Tensor:
    """Return two epochs of images as processes see them, put together batch by batch."""
    values = torch.randint(0, 256, (24, 1, 6, 6), generator=generator("images"), dtype=torch.uint8)
    data = Examples(Resident(values), torch.arange(24), torch.arange(24) % 2)

    def part(rank, epoch):
        return [x for x, _ in views(data, [8] * 3, Augment(crop=crop), ("p", seed, 0), epoch, World(rank, size))]

    def whole(epoch):
        parts = [part(rank, epoch) for rank in range(size)]
        return torch.cat([torch.cat(batch) for batch in zip(*parts, strict=True)])

    return torch.stack([whole(0), whole(1)])


def test_processes_that_train_together_see_the_order_and_augmentation_of_one_process_and_drop_no_example():
    assert torch.equal(seen(1, 2, crop=2), seen(1, 1, crop=2))
    assert torch.equal(seen(1, 4, crop=2), seen(1, 1, crop=2))


def test_another_seed_means_another_order_of_the_data_when_several_processes_train():
    assert not torch.equal(seen(1, 2), seen(2, 2))
    assert not torch.equal(*seen(1, 2))

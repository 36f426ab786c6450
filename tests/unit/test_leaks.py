import pytest
import torch

from torchal.testing.fakes import FakePool
from torchal.testing.leaks import holds


class Box:
    def __init__(self, content):
        self.content = content


@pytest.mark.parametrize(
    "hide",
    [
        lambda secret: secret,
        lambda secret: [{"deep": (Box(secret),)}],
        lambda secret: torch.cat([torch.zeros(5, dtype=torch.int64), secret])[:5],
        lambda secret: secret.to(torch.float32).reshape(2, -1),
        lambda secret: secret.numpy()[:3],
        lambda secret: secret.tolist(),
        lambda secret: lambda: secret,
        lambda secret: Box(secret).__init__,
    ],
    ids=["itself", "nested", "view of memory", "as floats", "view of an array", "as a list", "in a closure", "bound"],
)
def test_labels_are_found_wherever_they_are_hidden(hide):
    secret = FakePool().labels[:60]
    assert holds(secret, Box(hide(secret.clone())))


def test_what_is_not_there_is_not_found():
    fake = FakePool()
    assert not holds(
        fake.labels[fake.rows.pool], fake.context(), Box(fake.labels[:59]), Box(fake.labels.flip(0).tolist())
    )

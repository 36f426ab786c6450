import pytest
import torch
from torch import nn

from torchal.models import Classifier
from torchal.training.balance import balanced
from torchal.training.recipe import Recipe
from torchal.training.step import Step
from torchal.training.world import World


def test_weights_worked_by_hand():
    labels = torch.tensor([0, 0, 0, 0, 1, 1, 3, 3])
    assert balanced(labels, 4).tolist() == pytest.approx([8 / 12, 8 / 6, 1, 8 / 6])


def test_weights_are_one_on_average_and_equal_for_equal_classes():
    labels = torch.arange(50).repeat_interleave(torch.arange(50) % 7 + 1)
    assert balanced(labels, 50)[labels].mean().item() == pytest.approx(1)
    assert balanced(torch.arange(30) % 3, 3).tolist() == [1, 1, 1]


def test_a_step_with_balanced_weights_follows_the_gradient_worked_out_by_example():
    def network() -> Classifier:
        head = nn.Linear(2, 3)
        with torch.no_grad():
            head.weight.copy_(torch.arange(6).reshape(3, 2) / 10)
            head.bias.zero_()
        return Classifier(nn.Sequential(nn.Flatten()), head)

    x, y = torch.tensor([[1.0, 2.0], [0.5, -1.0], [2.0, 0.0]]), torch.tensor([0, 0, 2])
    net, twin = network(), network()
    weights = balanced(y, 3)
    Step(net, Recipe(lr=0.1, momentum=0, weight_decay=0), World(), weights)(x, y, 3)
    loss = sum(weights[label] * -twin(row[None])[0].log_softmax(0)[label] for row, label in zip(x, y, strict=True)) / 3
    loss.backward()
    assert torch.allclose(net.head.weight, twin.head.weight - 0.1 * twin.head.weight.grad, atol=1e-6)

"""A linear probe: multinomial logistic regression on embeddings."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn


def probe(embeddings: Float[Tensor, "n width"], classes: int) -> nn.Linear:
    """Return a fresh probe."""
    return nn.Linear(embeddings.shape[1], classes)


def learn(embeddings: Float[Tensor, "n width"], labels: Int64[Tensor, " n"], steps: int, network: nn.Linear) -> None:
    """Train it in place by full-batch Adam at rate 0.01."""
    network.to(embeddings.device)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for _ in range(steps):
        loss = nn.functional.cross_entropy(network(embeddings), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

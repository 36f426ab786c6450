"""A 1 x 1 convolution with a stride, without what is wrong with it in oneDNN.

oneDNN, which computes convolutions on processors, has a fault in the gradient of such a layer's weights (its issue
6035, open in the version that torch 2.13 brings): with channels last and fewer input channels than it takes at a time,
8 with AVX2 and 16 with AVX-512, it writes where it must not. That ends the process or, worse, spoils the gradient in
silence. Narrow residual networks have such shortcuts.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d


class Pointwise(nn.Conv2d):
    """A 1 x 1 convolution that leaves pixels out first and then has no stride, which is the same sum."""

    def __init__(self, width_in: int, width: int, stride: int = 1, *, bias: bool = True) -> None:
        super().__init__(width_in, width, 1, stride, bias=bias)

    def forward(self, x: Float[Tensor, "n c_in h_in w_in"]) -> Float[Tensor, "n c h w"]:
        """Return every pixel that the stride meets, its channels recombined."""
        met = x if self.stride == (1, 1) else avg_pool2d(x, 1, self.stride)
        return conv2d(met, self.weight, self.bias)

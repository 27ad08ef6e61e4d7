"""The path network in torch: three dense layers from what is seen of a frame to the logits of the weights.

What goes in and what the weights mean: `path_kernel`.
"""

from __future__ import annotations

import torch
from torch import nn

from .path_kernel import ARCHITECTURE as ARCHITECTURE
from .path_kernel import CHOICES, FEATURES, HIDDEN


class PathWeights(nn.Module):
    """(..., FEATURES) -> (..., CHOICES)."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(FEATURES, HIDDEN)
        self.second = nn.Linear(HIDDEN, HIDDEN)
        self.last = nn.Linear(HIDDEN, CHOICES)
        with torch.no_grad():
            self.last.weight.mul_(0.1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        hidden = nn.functional.silu(self.first(features))
        hidden = nn.functional.silu(self.second(hidden))
        logits: torch.Tensor = self.last(hidden)
        return logits


def build() -> nn.Module:
    """Return the network with fresh weights."""
    return PathWeights()

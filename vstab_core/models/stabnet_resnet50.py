"""StabNet as it was published (Wang et al., Deep Online Video Stabilization, TIP 2019), to be measured against.

Thirteen planes, the masks of six past stabilized frames, those frames and the new one, 512 x 288, go through a
pre-activation ResNet-50 (He et al., ECCV 2016) that is pooled to one vector; three dense layers make the 5 x 5 vertices
of it, each at most 1.25 half sides from the middle. Between vertices the warp is bilinear, where the original solves a
homography for each cell.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from .backbone import ARCHITECTURES
from .motion import Features
from .stabnet import PAST, VERTICES, Answer, Past

ARCHITECTURE = ARCHITECTURES["stabnet_resnet50"]
STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))  # inner channels, blocks, stride
GROWTH = 4  # outer channels of a block over its inner ones
FARTHEST = 1.25  # a vertex from the middle, half sides


def build() -> nn.Module:
    """Return the network with fresh weights."""
    return PublishedStabNet().to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


class PublishedStabNet(nn.Module):
    """Used as `stabnet.StabNet`; there is one level of features, the pictures themselves."""

    size = (288, 512)
    strides = (1,)

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(2 * len(PAST) + 1, 64, 7, stride=2, padding=3, bias=False)
        blocks: list[nn.Module] = []
        inputs = 64
        for inner, count, stride in STAGES:
            for n in range(count):
                blocks.append(Bottleneck(inputs, inner, stride if n == 0 else 1))
                inputs = inner * GROWTH
        self.blocks = nn.Sequential(*blocks)
        self.last = nn.BatchNorm2d(inputs)
        answer = nn.Linear(512, 2 * VERTICES**2)
        nn.init.zeros_(answer.weight)  # it begins with the picture as it is
        nn.init.zeros_(answer.bias)
        self.head = nn.Sequential(nn.Linear(inputs, 1024), nn.ReLU(), nn.Linear(1024, 512), nn.ReLU(), answer)

    def features(self, image: Tensor) -> Features:
        """Return frames (N, 1, H, W), codes 0..255, as the network takes them."""
        return Features([image / 255 - 0.5], [image])

    def forward(self, past: Past, current: Features) -> list[Answer]:
        """Return its one answer."""
        masks, frames = 1 - past.mask[0].flatten(1, 2), past.compared[0].flatten(1, 2)
        frames = torch.where(masks > 0.5, -1.0, frames)
        x = self.enter(torch.cat([masks, frames, current.compared[0]], dim=1))
        x = self.blocks(F.max_pool2d(x, 3, stride=2, padding=1))
        pooled = F.relu(self.last(x)).float().mean(dim=(2, 3))
        with torch.autocast(x.device.type, enabled=False):  # bfloat16 would round a vertex to a third of a pixel
            moved = self.head(pooled).reshape(-1, 2, VERTICES, VERTICES)
        side = torch.linspace(-1, 1, VERTICES, device=x.device)
        still = torch.stack(torch.meshgrid(side, side, indexing="xy"))
        half = torch.tensor([frames.shape[3] / 2, frames.shape[2] / 2], device=x.device)[:, None, None]
        mesh = ((still + moved).clamp(-FARTHEST, FARTHEST) - still) * half
        return [Answer(torch.eye(3, device=x.device).repeat(len(x), 1, 1), mesh_px=mesh)]


class Bottleneck(nn.Module):
    """Three convolutions, each after its normalisation, beside the identity or a projection."""

    def __init__(self, inputs: int, inner: int, stride: int) -> None:
        super().__init__()
        outputs = inner * GROWTH
        self.norm = nn.BatchNorm2d(inputs)
        self.beside = nn.Conv2d(inputs, outputs, 1, stride) if stride > 1 or inputs != outputs else None
        self.body = nn.Sequential(
            nn.Conv2d(inputs, inner, 1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Conv2d(inner, inner, 3, stride, 1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Conv2d(inner, outputs, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, outputs, h, w)."""
        ready = F.relu(self.norm(x))
        result: Tensor = self.body(ready) + (x if self.beside is None else self.beside(ready))
        return result

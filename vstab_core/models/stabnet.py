"""StabNet in a compact form: the warp of a frame, from the frame itself and from past frames as they were shown.

Of Wang et al. (Deep Online Video Stabilization, TIP 2019) it has what it sees, past *stabilized* frames with the masks
of what they lacked, and what it answers, a mesh of warps. Where that one pools a ResNet's features to one vector, this
one keeps them in place. The motion network, finished and within it, finds the frame shown last in the new one: a warp
that would hold the picture still. From there the cells of all six past frames are compared with those of the new one,
and every cell says how the picture goes on as it moved so far; a fit of all cells is the warp for that. From the whole
picture, and from how far each past frame was moved against what was filmed, which its mask tells only roughly, comes
the way home: to where the picture should be. The answer goes on, and a little of the way home. So how fast it goes home
is not learnt: who uses the network chooses it, frame by frame.

Positions are in pixels of the network's input from its middle; homographies are normalised by `UNIT_PX`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from .backbone import ARCHITECTURES
from .motion import CONTEXT, PASSES, STRIDES, UNIT_PX, Features, MotionNet, cell_centres, compare, fit, moved
from .motion import led as led_by

ARCHITECTURE = ARCHITECTURES["stabnet"]
PAST = (1, 2, 4, 8, 16, 32)  # frames back that are seen, as in the paper
LEVEL = 1  # of the features that are compared: the finer
STRIDE = STRIDES[LEVEL]
RADIUS = 3  # of the search, cells
# Of the motion network, at work. With (2, 2) it takes 2 ms more, with (1, 1) it loses frames that shake much.
HELD_PASSES = (2, 1)
FIT_SCALE_PX = (3.0, 1.5)  # residual at which a cell's weight is a quarter, by pass
REACH_PX = 2.0  # of a cell's answer of 1
FAR = 0.1  # of what was moved and of the way home, normalised: about 1 in the network
HOMEWARD = 1 / 16  # of the way home, each frame, in training
PER_FRAME = 32  # features of the comparison with one past frame
WIDTH = 96
HIDDEN = 64
MOVED = 4 * (len(PAST) + 1)  # numbers of how far the past frames, and the new one if it is held, are moved
VERTICES = 5  # of the mesh, each way, as in the paper


@dataclass(frozen=True)
class Past:
    """What is seen in past stabilized frames, the latest first.

    Attributes:
        compared: at each level (N, 6, C, h, w).
        mask: at each level (N, 6, 1, h, w): the share of the cell that shows something.
        context: at each level (N, C, h, w), of the latest.
        moved_by: (N, 6, 4): how far they were moved against what was filmed, see `numbers_of`.
    """

    compared: list[Tensor]
    mask: list[Tensor]
    context: list[Tensor]
    moved_by: Tensor


@dataclass(frozen=True)
class Answer:
    """One pass's warp, from the stabilized frame to the frame as it was filmed; homographies are (N, 3, 3) normalised.

    Attributes:
        src_from_dst: what is to be shown: on, and a little of the way home.
        mesh_px: (N, 2, 5, 5) over the filmed frame, added to where any of them leads; None: nothing.
        held, on, home: as if the picture stood still, as it goes on, and where it should be; None where the network
            does not tell them apart.
        flow_px: (N, 2, h, w): the displacement that each cell would go on by, by itself; None as before.
        stride: pixels a cell.
    """

    src_from_dst: Tensor
    mesh_px: Tensor | None = None
    held: Tensor | None = None
    on: Tensor | None = None
    home: Tensor | None = None
    flow_px: Tensor | None = None
    stride: int = 0


def build() -> nn.Module:
    """Return the network without weights of use, as `load_module` wants it."""
    return StabNet().to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


class StabNet(nn.Module):
    """Features of a frame are made once; those of the stabilized frame are what is remembered.

    Attributes:
        size: (height, width) in pixels of the input, for a picture of 16 : 9.
        strides: of the levels of `Features` and `Past`.
    """

    size = (144, 256)
    strides = STRIDES

    def __init__(self) -> None:
        super().__init__()
        self.motion = MotionNet()
        self.decide = Decide()
        self.homeward = nn.Sequential(nn.Linear(2 * HIDDEN + MOVED, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 4))
        _begin_with_nothing(self.homeward[-1])
        self.mesh = nn.Conv2d(HIDDEN, 2, 1)
        _begin_with_nothing(self.mesh)

    def train(self, mode: bool = True) -> StabNet:
        """As of every module, but the motion network is finished: it is not trained, nor does it count its batches."""
        super().train(mode)
        self.motion.eval().requires_grad_(False)
        return self

    def features(self, image: Tensor) -> Features:
        """Look at frames (N, 1, H, W), codes 0..255; H and W multiples of 16."""
        with torch.no_grad():
            return self.motion.features(image)

    def forward(self, past: Past, current: Features) -> list[Answer]:
        """Return the answer of every pass, the last one with a mesh; in evaluation mode, of the first.

        Args:
            past: what was shown.
            current: the new frame's features.
        """
        with torch.no_grad():
            latest = Features([x[:, 0] for x in past.compared], past.context)
            held = self.motion(latest, current, PASSES if self.training else HELD_PASSES)[-1]
        on, background = held.cur_from_ref, torch.sigmoid(held.confidence)
        here, there = past.compared[LEVEL], current.compared[LEVEL]
        mask, context = past.mask[LEVEL], past.context[LEVEL]
        count, rows, cols = len(here), *here.shape[3:]
        grid = cell_centres(rows, cols, STRIDE, here.device)
        place = (grid.permute(2, 0, 1) / UNIT_PX).expand(count, -1, -1, -1)
        hidden = here.new_zeros(count, HIDDEN, rows, cols)
        moved_by = torch.cat([past.moved_by, numbers_of(on)[:, None]], dim=1).flatten(1) / FAR
        answers: list[Answer] = []
        # At work the first pass is enough: the second one's way home follows the hand's shake more, and takes 6 ms.
        for scale_px in FIT_SCALE_PX if self.training else FIT_SCALE_PX[:1]:
            leads = (moved(on.detach(), grid) - grid).permute(0, 3, 1, 2)
            seen = compare(here, led_by(there, on.detach(), (rows, cols), STRIDE, RADIUS), RADIUS)
            known = torch.cat([context, background, leads / UNIT_PX, place], dim=1)
            hidden, change = self.decide(seen, mask, known, hidden, moved_by)
            flow = leads + change[:, :2] * REACH_PX
            on = fit(grid, flow, torch.sigmoid(change[:, 2:]), scale_px)
            way = self.homeward(torch.cat([hidden.mean(dim=(2, 3)), hidden.amax(dim=(2, 3)), moved_by], dim=1)) * FAR
            home = on @ similarity(way)
            # Both are near one another, with 1 in the corner: between them lies what is between their entries.
            answers.append(Answer(on + HOMEWARD * (home - on), None, held.cur_from_ref, on, home, flow, STRIDE))
        mesh = self.mesh(F.adaptive_avg_pool2d(hidden, (VERTICES, VERTICES)))
        return [*answers[:-1], replace(answers[-1], mesh_px=mesh)]


class Decide(nn.Module):
    """From what a cell sees of six past frames in the new one: where its picture should come from."""

    def __init__(self) -> None:
        super().__init__()
        known = CONTEXT + 5  # background, two of the warp, two of the place
        places = (2 * RADIUS + 1) ** 2 + 1  # of the search, and the mask
        self.each = nn.Conv2d(len(PAST) * places, len(PAST) * PER_FRAME, 1, groups=len(PAST))
        self.enter = nn.Conv2d(len(PAST) * PER_FRAME + known + HIDDEN, WIDTH, 1)
        self.around = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        # How the camera has moved, and how far the picture may still be moved, are questions to the whole picture.
        self.everywhere = nn.Sequential(nn.Linear(2 * WIDTH + MOVED, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH))
        self.leave = nn.Conv2d(WIDTH, HIDDEN, 3, padding=1)
        self.change = nn.Conv2d(HIDDEN, 3, 1)
        _begin_with_nothing(self.change)  # so the picture is held still

    def forward(
        self, seen: Tensor, mask: Tensor, known: Tensor, hidden: Tensor, moved_by: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return hidden, and change: x and y, and a logit of how sure the cell is."""
        x = F.relu(_pointwise(self.each, torch.cat([seen, mask], dim=2).flatten(1, 2)))
        x = F.relu(_pointwise(self.enter, torch.cat([x, known, hidden], dim=1)))
        x = F.relu(self.around(x))
        whole = torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3)), moved_by], dim=1)
        x = F.relu(x + self.everywhere(whole)[:, :, None, None])
        hidden = torch.tanh(self.leave(x)) + 0.5 * hidden
        return hidden, self.change(hidden)


def numbers_of(h: Tensor) -> Tensor:
    """Return how far homographies (N, 3, 3), normalised, move: x, y, ln zoom and turn in radians, (N, 4)."""
    linear = h[:, :2, :2]
    zoom = 0.5 * torch.linalg.det(linear).clamp_min(1e-3).log()
    turn = torch.atan2(linear[:, 1, 0] - linear[:, 0, 1], linear[:, 0, 0] + linear[:, 1, 1])
    return torch.stack([h[:, 0, 2], h[:, 1, 2], zoom, turn], dim=1)


def similarity(numbers: Tensor) -> Tensor:
    """Return the similarities (N, 3, 3) of (N, 4) such numbers."""
    x, y, zoom, turn = numbers.unbind(dim=1)
    a, b = zoom.exp() * turn.cos(), zoom.exp() * turn.sin()
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    return torch.stack([a, -b, x, b, a, y, zero, zero, one], dim=1).reshape(-1, 3, 3)


def past_of(features: Features, mask: Tensor, moved_by: Tensor, strides: tuple[int, ...]) -> Past:
    """Return what the network wants of the six past frames.

    Args:
        features: of (N * 6) stabilized frames, the latest first in each six.
        mask: (N, 6, H, W) in 0..1: where they show something.
        moved_by: (N, 6, 4), see `Past`.
        strides: of the network.
    """
    six = len(PAST)
    return Past(
        [x.reshape(-1, six, *x.shape[1:]) for x in features.compared],
        [F.avg_pool2d(mask, stride)[:, :, None] for stride in strides],
        [x.reshape(-1, six, *x.shape[1:])[:, 0] for x in features.context],
        moved_by,
    )


def sources(answer: Answer, points_px: Tensor, size: tuple[int, int]) -> Tensor:
    """Return where points (H, W, 2) px of the stabilized frame come from, (N, H, W, 2) px of the filmed one.

    Args:
        answer: the last of `StabNet`'s.
        points_px: from the middle of the input.
        size: (height, width) of the input.
    """
    at = moved(answer.src_from_dst, points_px)
    if answer.mesh_px is None:
        return at
    half = torch.tensor([size[1] / 2, size[0] / 2], device=at.device)
    # align_corners: the outer vertices lie on the picture's edges.
    local = F.grid_sample(answer.mesh_px, at / half, mode="bilinear", padding_mode="border", align_corners=True)
    return at + local.permute(0, 2, 3, 1)


def shown(image: Tensor, answer: Answer) -> tuple[Tensor, Tensor]:
    """Return frames (N, 1, H, W) as they are stabilized, and masks (N, H, W) of where they show something.

    What they lack has the mean brightness of the rest, so that features there say nothing.
    """
    size = (image.shape[2], image.shape[3])
    half = torch.tensor([size[1] / 2, size[0] / 2], device=image.device)
    at = sources(answer, cell_centres(*size, 1, image.device), size) / half
    mask = (at.abs() <= 1).all(dim=-1).to(image.dtype)
    picture = F.grid_sample(image, at, mode="bilinear", padding_mode="border", align_corners=False)
    return filled(picture, mask), mask


def filled(picture: Tensor, mask: Tensor) -> Tensor:
    """Return pictures (N, 1, H, W) with the mean of what they show where the mask (N, H, W) is 0."""
    mask = mask[:, None]
    mean = (picture * mask).sum(dim=(2, 3), keepdim=True) / mask.sum(dim=(2, 3), keepdim=True).clamp_min(1)
    return picture * mask + mean * (1 - mask)


def _pointwise(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """Return what a convolution of 1 x 1 gives, as a product of matrices: at one thread twice to four times as fast."""
    assert layer.bias is not None
    weight = layer.weight.reshape(layer.groups, -1, layer.in_channels // layer.groups)
    found: Tensor = weight @ x.reshape(len(x), layer.groups, weight.shape[2], -1)
    return found.reshape(len(x), -1, *x.shape[2:]) + layer.bias[:, None, None]


def _begin_with_nothing(layer: nn.Module) -> None:
    for value in layer.parameters():
        nn.init.zeros_(value)

"""The motion network: where the background went between two frames, and where it can be seen.

Correlation and iteration, after RAFT (Teed and Deng, ECCV 2020) and IHN (Cao et al., CVPR 2022): features of both
frames are compared around where the present estimate leads; every cell answers with a correction of its own and with
its confidence that it belongs to the background; a weighted least-squares fit of all cells is the next estimate. The
fit is a layer, so the confidences are learnt from what they do to the corners.

Positions are in pixels of the network's input from its middle; homographies are normalised by `UNIT_PX`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

ARCHITECTURE = "motion-1"
UNIT_PX = 160.0  # half of an input 320 wide: the corners are then at about 1
STRIDES = (16, 8)  # of the two levels of features
RADIUS = (4, 3)  # of the correlation at either, cells: 64 and 24 px
PASSES = (2, 2)  # at either level
CHANNELS = (64, 48)  # compared at either level
WIDTH = (96, 64)  # of the update at either level
CONTEXT = 32
HIDDEN = 48
FIT_SCALE_PX = ((12.0, 6.0), (3.0, 1.5))  # residual at which a cell's weight is a quarter, by level and pass
PRIOR_SIGMA = 0.004  # of stretch, shear and perspective in a frame, and
PRIOR_OF_MOTION = 0.3  # this share of the motion: see motion.fit
NOISE = 1.0 / UNIT_PX  # of a cell's answer
BLOCK = 6  # cells, or as few more as divide a row: of more, products that nobody needs, of fewer, small matrices


@dataclass(frozen=True)
class Features:
    """Of a batch of frames: at each level what is compared, (N, C, h, w), and what the first frame is like."""

    compared: list[Tensor]
    context: list[Tensor]

    def split(self, count: int) -> tuple[Features, Features]:
        """Return the first `count` frames and the others."""
        return (
            Features([x[:count] for x in self.compared], [x[:count] for x in self.context]),
            Features([x[count:] for x in self.compared], [x[count:] for x in self.context]),
        )


@dataclass(frozen=True)
class Estimate:
    """One pass's answer.

    Attributes:
        cur_from_ref: (N, 3, 3) normalised.
        flow_px: (N, 2, h, w) of each cell.
        confidence: (N, 1, h, w) logits: the cell shows background that both frames see.
        weight: (N, 1, h, w) in 0..1, how far each cell took part in the fit: its confidence times how sure it is.
        stride: pixels a cell.
    """

    cur_from_ref: Tensor
    flow_px: Tensor
    confidence: Tensor
    weight: Tensor
    stride: int


def build() -> nn.Module:
    """Return the network without weights of use, as `load_module` wants it."""
    return MotionNet().to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


class Encoder(nn.Module):
    """Features of a frame: made once, compared as often as needed."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(_conv(1, 24, 5, 2), _conv(24, 32, 3, 2), Residual(32))
        self.fine = nn.Sequential(_conv(32, 64, 3, 2), Residual(64))
        self.coarse = nn.Sequential(_conv(64, 96, 3, 2), Residual(96))
        self.compared = nn.ModuleList([nn.Conv2d(96, CHANNELS[0], 1), nn.Conv2d(64, CHANNELS[1], 1)])
        self.context = nn.ModuleList([nn.Conv2d(96, CONTEXT, 1), nn.Conv2d(64, CONTEXT, 1)])

    def features(self, image: Tensor) -> Features:
        """Look at frames (N, 1, H, W), codes 0..255; H and W multiples of 16."""
        mean = image.mean(dim=(2, 3), keepdim=True)
        spread = (image - mean).square().mean(dim=(2, 3), keepdim=True).sqrt()
        fine = self.fine(self.stem((image - mean) / (spread + 1.0)))
        coarse = self.coarse(fine)
        levels = (coarse, fine)
        compared = [F.normalize(net(x), dim=1) for net, x in zip(self.compared, levels, strict=True)]
        return Features(compared, [net(x) for net, x in zip(self.context, levels, strict=True)])


class MotionNet(Encoder):
    """The encoder, and what makes a motion of the features of two frames."""

    def __init__(self) -> None:
        super().__init__()
        self.update = nn.ModuleList([Update(radius, width) for radius, width in zip(RADIUS, WIDTH, strict=True)])

    def forward(self, ref: Features, cur: Features, passes: tuple[int, ...] = PASSES) -> list[Estimate]:
        """Return the answer of every pass, `passes` at either level, the last the best."""
        count, device = len(ref.compared[0]), ref.compared[0].device
        h = torch.eye(3, device=device).repeat(count, 1, 1)
        rows, cols = ref.compared[0].shape[2:]
        hidden = h.new_zeros(count, HIDDEN, rows, cols)
        flow, confidence = h.new_zeros(count, 2, rows, cols), h.new_zeros(count, 1, rows, cols)
        estimates = []
        for level, stride in enumerate(STRIDES):
            here, there, context = ref.compared[level], cur.compared[level], ref.context[level]
            rows, cols = here.shape[2:]
            grid = cell_centres(rows, cols, stride, device)  # (rows, cols, 2)
            hidden, flow, confidence = (
                F.interpolate(x, size=(rows, cols), mode="nearest") for x in (hidden, flow, confidence)
            )
            for turn in range(passes[level]):
                leads = moved(h.detach(), grid) - grid  # (N, rows, cols, 2)
                leads = leads.permute(0, 3, 1, 2)
                similarity = correlation(here, there, h.detach(), stride, RADIUS[level])
                off = ((flow - leads) / stride).clamp(-4, 4).detach()
                known = torch.cat([similarity, context, off, confidence.detach()], dim=1)
                hidden, change, confidence = self.update[level](known, hidden)
                flow = leads + change[:, :2] * stride
                # A cell of plain sky is background, but knows nothing of the motion: two numbers, not one.
                weight = torch.sigmoid(confidence) * torch.sigmoid(change[:, 2:])
                h = fit(grid, flow, weight, FIT_SCALE_PX[level][turn])
                estimates.append(Estimate(h, flow, confidence, weight, stride))
        return estimates


class Residual(nn.Module):
    """Two convolutions beside the identity (He et al., CVPR 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _conv(channels, channels, 3, 1)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, h, w) of the same shape."""
        return F.relu(x + self.second(self.first(x)))


class Update(nn.Module):
    """From what a cell and its neighbours see: a correction, a confidence, and what to remember."""

    def __init__(self, radius: int, width: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d((2 * radius + 1) ** 2 + CONTEXT + 3 + HIDDEN, width, 1)
        self.around = nn.Conv2d(width, width, 3, padding=1)
        # Which of the movements is the background's is a question to the whole picture.
        self.everywhere = nn.Linear(width, width)
        self.leave = nn.Conv2d(width, HIDDEN, 3, padding=1)
        self.change = nn.Conv2d(HIDDEN, 3, 1)
        self.confidence = nn.Conv2d(HIDDEN, 1, 1)

    def forward(self, known: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return hidden, change (cells, and a logit of how sure the cell is of it) and confidence (logit)."""
        x = F.relu(self.enter(torch.cat([known, hidden], dim=1)))
        x = F.relu(self.around(x) + self.everywhere(x.mean(dim=(2, 3)))[:, :, None, None])
        hidden = torch.tanh(self.leave(x)) + 0.5 * hidden
        return hidden, self.change(hidden), self.confidence(hidden)


def cell_centres(rows: int, cols: int, stride: int, device: torch.device | None = None) -> Tensor:
    """Return (rows, cols, 2): x and y of the cells' centres, px from the middle of the input."""
    rows, cols = int(rows), int(cols)  # in a trace sizes are tensors; of numbers all this becomes a constant
    x = (torch.arange(cols, device=device, dtype=torch.float32) + 0.5 - cols / 2) * stride
    y = (torch.arange(rows, device=device, dtype=torch.float32) + 0.5 - rows / 2) * stride
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)


def moved(h: Tensor, points_px: Tensor) -> Tensor:
    """Move points (..., 2) px by homographies (N, 3, 3): (N, ..., 2)."""
    flat = _moved_normalised(h, points_px.reshape(-1, 2) / UNIT_PX)
    return (flat * UNIT_PX).reshape(len(h), *points_px.shape)


def correlation(here: Tensor, there: Tensor, h: Tensor, stride: int, radius: int) -> Tensor:
    """Compare each cell with those around where the homography leads: (N, (2 radius + 1)^2, rows, cols)."""
    rows, cols = here.shape[2:]
    return compare(here[:, None], led(there, h, (rows, cols), stride, radius), radius)[:, 0]


def led(there: Tensor, h: Tensor, shape: tuple[int, int], stride: int, radius: int) -> Tensor:
    """Warp the later frame's features onto the earlier one's (rows, cols), with `radius` cells more around it.

    The search is then free of turn and zoom.
    """
    rows, cols = shape
    around = cell_centres(rows + 2 * radius, cols + 2 * radius, stride, there.device)
    size_px = torch.tensor([cols * stride / 2, rows * stride / 2], device=there.device)
    at = (moved(h, around) / size_px).to(there.dtype)  # -1..1 from edge to edge
    return F.grid_sample(there, at, mode="bilinear", padding_mode="zeros", align_corners=False)


def compare(here: Tensor, warped: Tensor, radius: int) -> Tensor:
    """Compare cells of K frames (N, K, C, rows, cols) with what `led` gave: (N, K, (2 radius + 1)^2, rows, cols).

    In blocks of neighbours within a row: products of a block's cells with all that any of them may match, of which
    each cell keeps its own. Twice to five times the products that are needed, and yet the fastest on a CPU.
    """
    count, frames, channels, rows, cols = here.shape
    block = cols if frames == 1 else next(n for n in range(min(BLOCK, cols), cols + 1) if cols % n == 0)
    side, width, batch = 2 * radius + 1, block + 2 * radius, count * rows * (cols // block)
    mine = (
        here.reshape(count, frames, channels, rows, -1, block)
        .permute(0, 3, 4, 1, 5, 2)
        .reshape(batch, frames * block, channels)
    )
    windows = warped.permute(0, 2, 3, 1).unfold(1, side, 1).unfold(2, width, block)  # (N, rows, blocks, C, side, width)
    found = torch.bmm(mine, windows.reshape(batch, channels, side * width))
    found = found.view(count, rows, -1, frames, block, side, width)
    *outer, cell, down, right = found.stride()
    # Of the next cell one further to the right.
    near = found.as_strided((*found.shape[:-1], side), (*outer, cell + right, down, right))
    return near.permute(0, 3, 5, 6, 1, 2, 4).reshape(count, frames, side * side, rows, cols)


def fit(grid_px: Tensor, flow_px: Tensor, weight: Tensor, scale_px: float) -> Tensor:
    """Return the homography (N, 3, 3), normalised, that the cells agree on, by their weights (N, 1, h, w).

    Three rounds of weighted least squares on the eight entries, each with less weight for cells off the one before;
    a prior leans on a similarity as in `motion.fit`. Gradients flow through the last round alone.
    """
    count = len(flow_px)
    ref = (grid_px.reshape(1, -1, 2) / UNIT_PX).expand(count, -1, -1).double()
    cur = ref + flow_px.permute(0, 2, 3, 1).reshape(count, -1, 2).double() / UNIT_PX
    weight = weight.reshape(count, -1).double() + 1e-4
    with torch.no_grad():
        h = _solve(ref, cur, weight)
        h = _solve(ref, cur, weight * _soft(h, ref, cur, 3 * scale_px))
        soft = _soft(h, ref, cur, scale_px)
    return _solve(ref, cur, weight * soft).float()


def _soft(h: Tensor, ref: Tensor, cur: Tensor, scale_px: float) -> Tensor:
    off_px: Tensor = (_moved_normalised(h, ref) - cur).norm(dim=-1) * UNIT_PX
    return 1 / (1 + (off_px / scale_px) ** 2) ** 2


def _moved_normalised(h: Tensor, points: Tensor) -> Tensor:
    result = F.pad(points, (0, 1), value=1.0) @ h.transpose(1, 2)
    return result[..., :2] / result[..., 2:].clamp_min(0.2)


def _solve(ref: Tensor, cur: Tensor, weight: Tensor) -> Tensor:
    x, y = ref.unbind(-1)
    u, v = cur.unbind(-1)
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    rows = torch.cat(
        [
            torch.stack([x, y, one, zero, zero, zero, -u * x, -u * y], dim=-1),
            torch.stack([zero, zero, zero, x, y, one, -v * x, -v * y], dim=-1),
        ],
        dim=1,
    )  # (N, 2 P, 8)
    both = torch.cat([weight, weight], dim=1)[..., None] / NOISE**2
    target = torch.cat([u, v], dim=1)[..., None]
    middle = (weight[..., None] * (cur - ref)).sum(dim=1) / weight.sum(dim=1, keepdim=True)
    sigma = PRIOR_SIGMA + PRIOR_OF_MOTION * middle.detach().norm(dim=-1)
    normal = (rows * both).transpose(1, 2) @ rows + _PRIOR.to(rows) / sigma[:, None, None] ** 2
    normal = normal + torch.eye(8, dtype=rows.dtype, device=rows.device) * 1e-2
    right = (rows * both).transpose(1, 2) @ target + 1e-2 * _IDENTITY.to(rows)[:, None]
    entries = torch.linalg.solve(normal, right)[..., 0]
    return torch.cat([entries, torch.ones_like(entries[:, :1])], dim=1).reshape(-1, 3, 3)


def _conv(inputs: int, outputs: int, side: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, side, stride=stride, padding=side // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _similarity_prior() -> Tensor:
    # Stretch, shear and the two perspective entries: what a similarity lacks.
    directions = torch.zeros(4, 8, dtype=torch.float64)
    directions[0, 0], directions[0, 4] = 0.5**0.5, -(0.5**0.5)
    directions[1, 1], directions[1, 3] = 0.5**0.5, 0.5**0.5
    directions[2, 6] = directions[3, 7] = 1
    return directions.T @ directions


_PRIOR = _similarity_prior()
_IDENTITY = torch.tensor([1.0, 0, 0, 0, 1, 0, 0, 0], dtype=torch.float64)

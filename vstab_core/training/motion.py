"""Training of the motion network: pairs made on the fly, and what the network is told of them.

Losses, of each pass, the last counting most:
  * corners: mean distance of the four corners, px (supervised; IHN, Cao et al., CVPR 2022);
  * flow: distance of each cell's own motion, foregrounds included, px, which teaches the features everywhere
    (sequence loss with weights 0.7^n: RAFT, Teed and Deng, ECCV 2020);
  * background: cross-entropy of the confidences against the share of each cell that shows background in both frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from ..models.motion import ARCHITECTURE, STRIDES, UNIT_PX, Estimate, MotionNet, build, cell_centres, moved
from .pairs import make_pair
from .recipe import Batch, Lesson, Options, Recipe, Terms, rng_of
from .stills import DRAWN, Pyramid, split_stills

SIZE = (112, 192)  # of a training pair: a part of a picture 320 wide, so more pairs in the same time
BATCH = 16
EARLIER = 0.7  # weight of a pass against the next
WEIGHTS = {"corners": 0.5, "flow": 1.0, "background": 4.0}
FAR_PX = 40.0  # an error larger than this counts as this
HELD_OUT_BATCHES = 16


def make_batch(stills: Sequence[Pyramid], rng: np.random.Generator, count: int = BATCH) -> Batch:
    """Return pairs as tensors.

    Keys:
        ref, cur: (N, 1, H, W) codes.
        cur_from_ref: (N, 3, 3) normalised.
        flow8, flow16: (N, 2, h, w) px, of the cells' middles, by stride.
        background8, background16: (N, 1, h, w), the share of each cell.
        related: (N,) 1 where both show one scene.
    """
    pairs = [make_pair(stills, rng, SIZE) for _ in range(count)]
    to_px = np.diag([UNIT_PX, UNIT_PX, 1.0])
    homographies = np.stack([np.linalg.inv(to_px) @ pair.cur_from_ref @ to_px for pair in pairs])
    batch = {
        "ref": torch.from_numpy(np.stack([pair.ref for pair in pairs]))[:, None],
        "cur": torch.from_numpy(np.stack([pair.cur for pair in pairs]))[:, None],
        "cur_from_ref": torch.tensor(homographies, dtype=torch.float32),
        "related": torch.tensor([float(pair.related) for pair in pairs]),
    }
    flow = torch.from_numpy(np.stack([pair.flow_px for pair in pairs])).permute(0, 3, 1, 2)
    background = torch.from_numpy(np.stack([pair.background for pair in pairs]))[:, None]
    for stride in STRIDES:
        # The motion of a cell's middle: a mean over an edge would be nobody's motion.
        batch[f"flow{stride}"] = flow[:, :, stride // 2 :: stride, stride // 2 :: stride].contiguous()
        batch[f"background{stride}"] = F.avg_pool2d(background, stride)
    return batch


def loss(net: torch.nn.Module, batch: Batch, step: int = 0) -> Terms:
    """Return the weighted losses of a batch."""
    related = batch["related"]
    totals = {name: torch.zeros((), device=related.device) for name in WEIGHTS}
    for n, estimate in enumerate(reversed(estimates_of(net, batch))):
        share, stride = EARLIER**n, estimate.stride
        corners = corner_error_px(estimate, batch).clamp_max(FAR_PX).mean(dim=1)
        off = (estimate.flow_px - batch[f"flow{stride}"]).norm(dim=1).clamp_max(FAR_PX)
        inside = _stays_inside(batch[f"flow{stride}"], stride) * related[:, None, None]
        entropy = F.binary_cross_entropy_with_logits(estimate.confidence, batch[f"background{stride}"])
        totals["corners"] = totals["corners"] + share * (corners * related).sum() / related.sum().clamp_min(1)
        totals["flow"] = totals["flow"] + share * (off * inside).sum() / inside.sum().clamp_min(1)
        totals["background"] = totals["background"] + share * entropy
    return {name: WEIGHTS[name] * value for name, value in totals.items()}


def estimates_of(net: torch.nn.Module, batch: Batch) -> list[Estimate]:
    """Return the network's answers, of every pass."""
    motion: MotionNet = net  # type: ignore[assignment]
    # Both frames in one batch: the normalisation then sees the same statistics for both.
    features = motion.features(torch.cat([batch["ref"], batch["cur"]]))
    return motion.forward(*features.split(len(batch["ref"])))


def corner_error_px(estimate: Estimate, batch: Batch) -> Tensor:
    """Return (N, 4): how far each corner of the training picture is from the truth, px."""
    half = torch.tensor([SIZE[1] / 2, SIZE[0] / 2], device=batch["ref"].device)
    corners = half * torch.tensor([[-1.0, -1], [1, -1], [1, 1], [-1, 1]], device=half.device)
    off: Tensor = moved(estimate.cur_from_ref, corners) - moved(batch["cur_from_ref"], corners)
    error: Tensor = off.norm(dim=-1)
    return error


def _stays_inside(flow: Tensor, stride: int) -> Tensor:
    rows, cols = flow.shape[2:]
    at = cell_centres(rows, cols, stride, flow.device).permute(2, 0, 1) + flow
    return ((at[:, 0].abs() < cols * stride / 2) & (at[:, 1].abs() < rows * stride / 2)).float()


def _measure(batches: Sequence[Batch], net: torch.nn.Module) -> dict[str, float]:
    device = next(net.parameters()).device
    errors, truth, found = [], [], []
    for batch in batches:
        here = {name: value.to(device) for name, value in batch.items()}
        last = estimates_of(net, here)[-1]
        errors.append(corner_error_px(last, here).mean(dim=1)[here["related"] > 0])
        truth.append(here[f"background{last.stride}"] > 0.5)
        found.append(last.confidence > 0)
    error = torch.cat(errors)
    right = torch.cat([(a == b).float().flatten() for a, b in zip(truth, found, strict=True)])
    return {
        "corner error, median, px": float(error.median()),
        "corner error, mean, px": float(error.mean()),
        "corner error, 95 %, px": float(error.quantile(0.95)),
        "background told wrongly": 1 - float(right.mean()),
    }


def _prepare(options: Options, data: Path | None) -> Lesson:
    stills, held_out = split_stills(data, options.seed)
    unseen = [make_batch(held_out, rng_of(options.seed + 1, n)) for n in range(HELD_OUT_BATCHES)]
    photographs = len(stills) - DRAWN
    return Lesson(
        batches=lambda step: make_batch(stills, rng_of(options.seed, step)),
        loss=loss,
        measure=lambda net: _measure(unseen, net),
        data=f"{options.steps * BATCH} pairs made of {DRAWN} drawn pictures and {photographs} photographs",
    )


RECIPE = Recipe(
    build=build,
    architecture=ARCHITECTURE,
    options=Options(steps=8000, rate=8e-4, warm_up=0.05, clip=2.0, workers=2),
    prepare=_prepare,
    about="Where the background went between two frames, as a homography, and which cells of the picture show it. It "
    "guides the tracker where that is in doubt: dark, noisy, blurred and plain pictures, and foregrounds that fill "
    "them. It is exact to about a pixel of a picture 320 wide, so corners are tracked from its answer; it knows "
    "homographies of up to an eighth of the picture a frame.",
)

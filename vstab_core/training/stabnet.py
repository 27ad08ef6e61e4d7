"""Training of StabNet: Siamese, on two frames one after the other, the second seeing what became of the first.

Losses, after Wang et al. (TIP 2019); since the truth is known, matches and optical flow are exact here. Lengths are in
pixels of the input; those of a sample that shakes much count less, by 1 + its RMS.
  * stability: pixel, the mean squared difference to the steady frame where both show something; and feature, the mean
    squared distance of the cells of background to where they should come from: of the way home;
  * temporal: how much that error changes from frame to frame (the paper compares pictures along the flow, which is
    this, but blind where the picture is plain), and how much that change changes: of going on;
  * shape: each cell of the mesh stays a rectangle (intra), rows and columns stay straight (inter);
  * border: what a warp takes from beyond `BORDER` of the picture.
Earlier passes count less, by 0.7^n (RAFT, Teed and Deng, ECCV 2020). What each cell would do by itself is held to the
truth, too, which teaches the comparison everywhere.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..models.load import load_module
from ..models.motion import STRIDES, UNIT_PX, cell_centres
from ..models.stabnet import ARCHITECTURE, PAST, Answer, StabNet, build, filled, numbers_of, past_of, shown, sources
from .paired_clips import film_pair, has_pairs, read_pairs
from .recipe import Batch, Lesson, Options, Recipe, Terms, rng_of
from .shaky import Film, make_films
from .stills import DRAWN, Pyramid, split_stills

STRIDE = STRIDES[-1]  # of the truth
BATCH = 8
TURNS = 2  # frames one after the other: Siamese
BACK = tuple(sorted({back - turn for turn in range(TURNS) for back in PAST if back > turn}))  # before the first
EARLIER = 0.7  # weight of a pass against the next
WEIGHTS = {"pixel": 5.0, "feature": 1.0, "cells": 0.5, "temporal": 4.0, "eased": 2.0, "shape": 0.2, "border": 2.0}
BORDER = 0.075  # of the width and height, on each side: the default crop budget
FAR_PX = 48.0  # an error larger than this counts as this
INTER = 20.0  # of the shape term, against intra, as published
HELD_OUT_BATCHES = 8


def make_batch(
    stills: Sequence[Pyramid], rng: np.random.Generator, count: int = BATCH, size: tuple[int, int] = StabNet.size
) -> Batch:
    """Return made-up films as tensors."""
    return as_batch(make_films(stills, rng, count, size, BACK, TURNS, STRIDE))


def as_batch(films: Sequence[Film]) -> Batch:
    """Return films as tensors: the fields of `Film` by name."""
    return {name: torch.from_numpy(np.stack([getattr(film, name) for film in films])) for name in _FIELDS} | {
        "shake_px": torch.tensor([film.shake_px for film in films])
    }


_FIELDS = tuple(name for name in Film.__dataclass_fields__ if name != "shake_px")


def loss(net: torch.nn.Module, batch: Batch, step: int = 0) -> Terms:
    """Return the weighted losses of a batch."""
    totals = {name: torch.zeros((), device=batch["frames"].device) for name in WEIGHTS}
    scale, size = 1 / (1 + batch["shake_px"]), size_of(batch)
    before = [batch["past_error_px"][:, n] for n in range(2)]  # the latest first
    for turn, answers in enumerate(answers_of(net, batch)):
        seen, truth = batch["seen"][:, turn], batch["truth_px"][:, turn]
        last = answers[-1]
        for n, answer in enumerate(reversed(answers)):
            share = EARLIER**n / TURNS
            home, on = (error_px(parted, truth, size) for parted in (_homeward(answer), _onward(answer)))
            totals["feature"] = totals["feature"] + share * _mean_square(home, scale, seen)
            totals["temporal"] = totals["temporal"] + share * _mean_square(on - before[0], scale)
            eased = on - 2 * before[0] + before[1]
            totals["eased"] = totals["eased"] + share * _mean_square(eased, scale)
            if answer.flow_px is not None:
                alone = (answer.flow_px + _grid(answer.flow_px, answer.stride)).permute(0, 2, 3, 1)
                off = alone - truth - before[0]
                totals["cells"] = totals["cells"] + share * _mean_distance(off, scale, seen)
        totals["pixel"] = totals["pixel"] + pixel_error(last, batch, turn) / TURNS
        totals["shape"] = totals["shape"] + _shape(last, size) / TURNS
        totals["border"] = totals["border"] + _beyond(last, size) / TURNS
        before = [error_px(last, truth, size), before[0]]
    return {name: WEIGHTS[name] * value for name, value in totals.items()}


def _homeward(answer: Answer) -> Answer:
    return answer if answer.home is None else replace(answer, src_from_dst=answer.home)


def _onward(answer: Answer) -> Answer:
    return answer if answer.on is None else replace(answer, src_from_dst=answer.on)


def answers_of(net: torch.nn.Module, batch: Batch) -> list[list[Answer]]:
    """Return the network's answers to each frame of the batch, each seeing what became of those before."""
    stabnet: StabNet = net  # type: ignore[assignment]
    count = len(batch["frames"])
    filmed, was = batch["frames"], batch["past"]
    six = len(PAST)
    answers = []
    moved_by = numbers_of(_normalised(batch["filmed_from_past"].flatten(0, 1))).reshape(*was.shape[:2], -1)
    fresh: list[tuple[Tensor, Tensor, Tensor]] = []  # of frames made here, the latest first
    for turn in range(TURNS):
        seen = [
            fresh[b - 1] if b <= turn else tuple(x[:, BACK.index(b - turn)] for x in (was, batch["mask"], moved_by))
            for b in PAST
        ]
        pictures, mask, moves = (torch.stack(parts, dim=1) for parts in zip(*seen, strict=True))
        features = stabnet.features(pictures.reshape(count * six, 1, *size_of(batch)))
        current = filmed[:, turn, None]
        past = past_of(features, mask, moves, stabnet.strides)
        answers.append(stabnet.forward(past, stabnet.features(current)))
        with torch.no_grad():
            picture, lit = shown(current, answers[-1][-1])
            fresh.insert(0, (picture[:, 0], lit, numbers_of(answers[-1][-1].src_from_dst)))
    return answers


def _normalised(h_px: Tensor) -> Tensor:
    to_px = torch.tensor([UNIT_PX, UNIT_PX, 1.0], device=h_px.device)
    return h_px * to_px / to_px[:, None]


def error_px(answer: Answer, truth_px: Tensor, size: tuple[int, int]) -> Tensor:
    """Return (N, h, w, 2): how far the cells of the answer are off the truth."""
    grid = cell_centres(truth_px.shape[1], truth_px.shape[2], STRIDE, truth_px.device)
    return sources(answer, grid, size) - truth_px


def size_of(batch: Batch) -> tuple[int, int]:
    """Return (height, width) of the pictures of a batch."""
    height, width = batch["frames"].shape[2:]
    return height, width


def pixel_error(answer: Answer, batch: Batch, turn: int) -> Tensor:
    """Return the mean squared difference to the steady frame, of pictures of deviation 1, where both show something."""
    frame, steady = batch["frames"][:, turn, None], batch["steady"][:, turn, None]
    picture, mask = shown(frame, answer)
    spread = steady.std(dim=(2, 3), keepdim=True) + 8.0
    off = ((picture - filled(steady, mask)) / spread).square().clamp_max(1.0)
    value: Tensor = off.mean() / 20.0
    return value


def _grid(planes: Tensor, stride: int) -> Tensor:
    return cell_centres(planes.shape[2], planes.shape[3], stride, planes.device).permute(2, 0, 1)


def _mean_square(off: Tensor, scale: Tensor, seen: Tensor | None = None) -> Tensor:
    # Beyond 3 linear in place of square, and no more than FAR_PX: a sample that cannot be known should not decide.
    length = (off.square().sum(dim=-1) + 1e-6).sqrt() * scale[:, None, None]
    square = torch.where(length < 3, length.square(), 6 * length - 9).clamp_max(FAR_PX)
    if seen is None:
        return square.mean()
    return (square * seen).sum() / seen.sum().clamp_min(1)


def _mean_distance(off: Tensor, scale: Tensor, seen: Tensor) -> Tensor:
    length = (off.square().sum(dim=-1) + 1e-6).sqrt().clamp_max(FAR_PX) * scale[:, None, None]
    return (length * seen).sum() / seen.sum().clamp_min(1)


def _shape(answer: Answer, size: tuple[int, int]) -> Tensor:
    assert answer.mesh_px is not None
    mesh = answer.mesh_px  # what it adds to a homography, which is straight by itself
    cell = (size[0] / (mesh.shape[2] - 1), size[1] / (mesh.shape[3] - 1))
    right, down = mesh[:, :, :, 1:] - mesh[:, :, :, :-1], mesh[:, :, 1:] - mesh[:, :, :-1]
    # A side turned by 90 degrees and scaled by the cell's shape is its neighbour.
    turned = torch.stack([-right[:, 1], right[:, 0]], dim=1) * (cell[0] / cell[1])
    intra = _square(turned[:, :, :-1] - down[:, :, :, :-1]) + _square(turned[:, :, 1:] - down[:, :, :, 1:])
    inter = _square(right[:, :, :, 1:] - right[:, :, :, :-1]) + _square(down[:, :, 1:] - down[:, :, :-1])
    return (intra + INTER * inter) / 2


def _square(values: Tensor) -> Tensor:
    return values.square().mean()


def _beyond(answer: Answer, size: tuple[int, int]) -> Tensor:
    half = torch.tensor([size[1] / 2, size[0] / 2], device=answer.src_from_dst.device)
    corners = half * torch.tensor([[[-1.0, -1], [1, -1]], [[-1, 1], [1, 1]]], device=half.device)
    over = (sources(answer, corners, size).abs() / half - (1 + 2 * BORDER)).clamp(0, 2)
    return 100 * over.square().mean()


def _measure(batches: Sequence[Batch], net: torch.nn.Module) -> dict[str, float]:
    device = next(net.parameters()).device
    found: dict[str, list[Tensor]] = {name: [] for name in ("home", "off", "on", "eased")}
    for batch in batches:
        here = {name: value.to(device) for name, value in batch.items()}
        before = [here["past_error_px"][:, n] for n in range(2)]
        for turn, answers in enumerate(answers_of(net, here)):
            truth, size = here["truth_px"][:, turn], size_of(batch)
            error, on = (error_px(answer, truth, size) for answer in (answers[-1], _onward(answers[-1])))
            for name, value in (
                ("home", error_px(_homeward(answers[-1]), truth, size)),
                ("off", before[0]),
                ("on", on - before[0]),
                ("eased", on - 2 * before[0] + before[1]),
            ):
                found[name].append(value.norm(dim=-1).mean(dim=(1, 2)))
            before = [error, before[0]]
    home, off, on, eased = (torch.cat(values) for values in found.values())
    return {
        "way home, mean, px": float(home.mean()),
        "way home if there were no network, mean, px": float(off.mean()),
        "going on, mean, px": float(on.mean()),
        "going on, median, px": float(on.median()),
        "going on as before, median, px": float(eased.median()),
    }


def with_motion_network() -> torch.nn.Module:
    """Return the network with fresh weights, but for the installed motion network's within it."""
    net = build()
    assert isinstance(net, StabNet)
    net.motion.load_state_dict(load_module("motion").state_dict())
    return net


@dataclass(frozen=True)
class Stage:
    """Part of a training.

    Attributes:
        until: share of the steps at which it ends.
        size: (height, width) of the pictures.
        films: a batch.
    """

    until: float
    size: tuple[int, int]
    films: int


def lesson_of(options: Options, data: Path | None, stages: Sequence[Stage], unseen_batches: int) -> Lesson:
    """Return what a StabNet is trained on.

    Args:
        options: its seed and steps.
        data: a folder of stills, or of paired clips (see `paired_clips`), of which half of each batch is then made.
        stages: in order; the last is what is aimed at, and measured on.
        unseen_batches: that are held out; of drawn pictures only, if `data` holds clips.
    """
    clips = {}
    if data is not None and has_pairs(data):
        clips = {size: read_pairs(data, size, max(BACK) + TURNS) for size in {stage.size for stage in stages}}
    stills, held_out = split_stills(None if clips else data, options.seed)
    last = stages[-1]
    unseen = [make_batch(held_out, rng_of(options.seed + 1, n), last.films, last.size) for n in range(unseen_batches)]
    ends = [round(stage.until * options.steps) for stage in stages]

    def batch(step: int) -> Batch:
        rng, stage = rng_of(options.seed, step), stages[bisect_right(ends, step)]
        paired = stage.films // 2 if clips else 0
        films = [film_pair(clips[stage.size], rng, BACK, TURNS, STRIDE) for _ in range(paired)]
        return as_batch([*films, *make_films(stills, rng, stage.films - paired, stage.size, BACK, TURNS, STRIDE)])

    count = sum((end - start) * stage.films for stage, (start, end) in zip(stages, pairwise([0, *ends]), strict=True))
    made_of = f"{DRAWN} drawn pictures and {len(stills) - DRAWN} photographs"
    if clips:
        made_of = f"{DRAWN} drawn pictures, and as many of {len(clips[last.size])} pairs of clips"
    return Lesson(
        batches=batch,
        loss=loss,
        measure=lambda net: _measure(unseen, net),
        data=f"{count} films made of {made_of}",
    )


RECIPE = Recipe(
    build=with_motion_network,
    architecture=ARCHITECTURE,
    options=Options(steps=1800, rate=8e-4, warm_up=0.05, clip=2.0, workers=1),
    prepare=lambda options, data: lesson_of(options, data, [Stage(1.0, StabNet.size, BATCH)], HELD_OUT_BATCHES),
    about="The warp that makes a frame go on steadily from those shown 1, 2, 4, 8, 16 and 32 before, at 256 x 144. It "
    "sees no later frame. It is meant for hand-held clips of 24 to 60 frames a second; of what it does not know, "
    "cuts above all, the code around it takes care.",
)

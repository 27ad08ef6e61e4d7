"""Training of StabNet as published: the lesson of the compact one, at 512 x 288."""

from __future__ import annotations

from ..models.stabnet_resnet50 import ARCHITECTURE, PublishedStabNet, build
from .recipe import Options, Recipe
from .stabnet import lesson_of

BATCH = 4
HELD_OUT_BATCHES = 4

RECIPE = Recipe(
    build=build,
    architecture=ARCHITECTURE,
    options=Options(steps=100_000, rate=1e-4, warm_up=0.02, clip=2.0, workers=4),
    prepare=lambda options, data: lesson_of(options, data, PublishedStabNet.size, BATCH, HELD_OUT_BATCHES),
    about="StabNet with the backbone and the head of the paper, for comparison: the published training takes 100 "
    "thousand steps of 10 frames on a GPU, so what was trained for less says little of it.",
)

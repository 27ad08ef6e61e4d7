"""Training of StabNet as published: the lesson of the compact one, at last at 512 x 288.

Pictures grow: small ones take a sixteenth of the time, and what is learnt on them is not lost on larger ones (Touvron
et al., Fixing the train-test resolution discrepancy, NeurIPS 2019, train small and finish large). Of large ones
alone a processor can show it too few to learn anything from.
"""

from __future__ import annotations

from ..models.stabnet_resnet50 import ARCHITECTURE, PublishedStabNet, build
from .recipe import Options, Recipe
from .stabnet import Stage, lesson_of

STAGES = (Stage(0.7, (72, 128), 16), Stage(0.9, (144, 256), 8), Stage(1.0, PublishedStabNet.size, 4))
HELD_OUT_BATCHES = 4

RECIPE = Recipe(
    build=build,
    architecture=ARCHITECTURE,
    options=Options(steps=100_000, rate=1e-4, warm_up=0.02, clip=2.0, workers=4),
    prepare=lambda options, data: lesson_of(options, data, STAGES, HELD_OUT_BATCHES),
    about="StabNet with the backbone and the head of the paper, for comparison: the published training takes 100 "
    "thousand steps of 10 frames on a GPU, so what was trained for less says little of it.",
)

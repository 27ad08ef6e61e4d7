"""Wobble: local movement that a rigid picture cannot make, and that changes from frame to frame (jello)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from . import registration
from .follow import Step

CELLS = (4, 3)  # columns, rows
MIN_POINTS = 4  # in a cell, for a median that one bad point cannot move
REACH_PX = 10.0  # at 640 wide: what is farther from the common movement is a thing that moves by itself
MIN_SHARE = 0.1  # of the cells and frames that must have a figure


def wobble_of(shots: list[list[Step]], size: tuple[int, int]) -> float:
    """Return the RMS of the change of the cells' own movement, px/frame^2 of the reduced picture; NaN if unknown.

    Own movement is what the similarity from frame to frame leaves: shear, stretch, perspective and everything local.
    Its *change* is taken because parallax of an even camera movement, and a lens's distortion, stay the same from one
    frame to the next, while a rolling shutter under shake and a trembling mesh do not.
    """
    changes, cells = [], 0
    for shot in shots:
        own = np.array([_own_movement(step, size) for step in shot]).reshape(len(shot), -1, 2)
        if len(own) > 1:
            changes.append(np.diff(own, axis=0).reshape(-1, 2))
            cells += changes[-1].shape[0]
    if not changes:
        return float("nan")
    change = np.concatenate(changes)
    change = change[np.isfinite(change).all(axis=1)]
    if len(change) < max(1.0, MIN_SHARE * cells):
        return float("nan")
    return float(np.sqrt(np.mean(np.sum(change**2, axis=1))))


def _own_movement(step: Step, size: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Return the median movement of each cell against the picture's similarity, (rows * columns, 2); NaN if unknown."""
    result = np.full((CELLS[0] * CELLS[1], 2), np.nan)
    if step.motion is None:
        return result
    rest = step.second - registration.apply(step.motion, step.first)
    near = np.abs(rest).max(axis=1) < REACH_PX
    column, row = (step.first * CELLS / np.array(size)).astype(int).clip(0, np.array(CELLS) - 1).T
    cell = row * CELLS[0] + column
    for number in range(len(result)):
        chosen = rest[near & (cell == number)]
        if len(chosen) >= MIN_POINTS:
            result[number] = np.median(chosen, axis=0)
    return result

"""Which of several movements in a picture is the background's: those among the tracks, and the network's answer.

Tracks vote, and a foreground that fills most of the picture wins. The network knows what a foreground looks like, but
takes a sharp one for the background all the same where the background itself is blurred. Two more things tell them
apart: the background reaches all around the picture, where a foreground mostly is in one place; and it is rigid, where
clothes bend and branches swing. None of this is certain, so all of it is weighed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..types import FloatArray
from .fit import SHARP_PX, similarity, soft
from .guided import Guess, Seen, Tracked, apart

MOVEMENTS = 3  # among the tracks are looked for
MIN_TRACKS = 9  # of 144 cells: a smaller one is chance, as in grain, where tracks follow the noise
APART_PX = 2.0  # tracks nearer to a movement are not asked for another

ALIVE = 0.5  # share of the corners looked for: with fewer tracks nothing is said of what holds them together
BENT_PX = (16.0, 8.0, 4.0, 3.0, 3.0)  # of the proxy: residual at which a track counts a quarter, round by round
BENDING = (0.0, 5e-5, 5e-5, 1.5e-4, 1.5e-4, 1.5e-4)  # a little stiffness, for tracks that lie all in one line
WHOLE = 0.9  # of the tracks: 95 % of pictures with parallax or a rolling shutter had more, 95 % of two movements less

CONFIRMS = 0.6  # so sure the network must be to confirm what was tracked: then nothing is weighed,
CONFIRMED = 0.025  # if it is so near its answer, half widths at a corner (8 px of the proxy),
CONFIRMED_MASK = 0.6  # and so far background to it, mean

# Weights of a conditional logit, which of the movements of a picture is the camera's, fitted on films of known cameras
# over photographs and of seeds that are not those of `benchmarks/motion.json`, with foregrounds in the middle, at a
# side, below and all around; `python -m benchmarks.believe` fits them anew.
EXTENT = 2.3  # of how far out the tracks lie that agree: root of the mean square distance from the middle, 0 to 1.4
MASK = 0.5  # of how far they are background to the network, mean
SHARP = 2.4  # of how exactly they agree
STILL = -2.2  # of standing still where the network says otherwise: dirt, captions, and blocks that a coder skipped
NETWORK = 2.4  # of the network's own answer, which no tracks need to bear out,
SURENESS = 1.3  # and of how sure it is
LONG = 0.5  # of how far the tracks were background in the frames before, mean: set by hand, films begin without a past
NEW = 0.5  # what counts for that where there are no tracks
COARSE = 2.7  # of tracks at half size, where those at full size are lost: set by hand
AGREES_PX = 1.5  # of the proxy: a track that far off bears out a movement by a quarter
FEW = 10  # tracks: with so few the extent is half a guess,
USUAL_EXTENT = 0.7  # which is this
STILL_PX = 0.5  # of the proxy, at a corner
OTHERWISE_PX = 6.0


def one_movement(seen: Seen) -> bool:
    """Return whether tracks are all of one movement, if a bent one.

    Parallax and a rolling shutter bend a movement, so that each part of it looks like another one. A foreground's is
    torn off.
    """
    count = len(seen.ref)
    if count < max(MIN_TRACKS, ALIVE * seen.sought):
        return False
    x, y = (seen.ref / np.abs(seen.ref).max(axis=0).clip(1e-9)).T
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
    moved = (seen.cur - seen.ref) / seen.px
    off = np.linalg.norm(moved - np.median(moved, axis=0), axis=1)
    for scale_px in BENT_PX:
        weighted = terms * soft(off, scale_px)[:, None]
        bent = np.linalg.solve(weighted.T @ terms + np.diag(BENDING) * count, weighted.T @ moved)
        off = np.linalg.norm(moved - terms @ bent, axis=1)
    return bool((off < BENT_PX[-1]).mean() >= WHOLE)


def confirmed(of: Tracked, guess: Guess, aspect: float) -> bool:
    """Return whether a sure network sees the movement that was tracked, and background where it was."""
    if guess.sure < CONFIRMS or apart(of, guess, aspect) >= CONFIRMED:
        return False
    agrees = soft(of.seen.off_px(of.fit.cur_from_ref), AGREES_PX)
    return _mean(guess.background_at(of.seen.ref, aspect), agrees) >= CONFIRMED_MASK


def movements(seen: Seen) -> list[FloatArray]:
    """Return the similarities, (3, 3) normalised, that tracks make, the most common one first."""
    found: list[FloatArray] = []
    left = np.ones(len(seen.ref), bool)
    while len(found) < MOVEMENTS and left.sum() >= MIN_TRACKS:
        movement = similarity(seen.ref[left], seen.cur[left], seen.px)
        if movement is None:
            break
        near = seen.off_px(movement) < APART_PX
        if (left & near).sum() < MIN_TRACKS:
            break
        found.append(movement)
        left &= ~near
    return found


def belief_in(of: Tracked, guess: Guess, aspect: float) -> float:
    """Return how far the tracks of a picture and the network speak for a movement; logits."""
    return float(evidence(of, guess, aspect) @ [EXTENT, MASK, SHARP, STILL, LONG])


def evidence(of: Tracked, guess: Guess, aspect: float) -> FloatArray:
    """Return what speaks for a movement, (5,): its extent, mask, sharpness, stillness and long past, as above."""
    seen = of.seen
    off = seen.off_px(of.fit.cur_from_ref)
    agrees = soft(off, AGREES_PX)
    total = float(agrees.sum())
    out = float((agrees * ((seen.ref / [1, aspect]) ** 2).sum(axis=1)).sum())
    extent = float(np.sqrt((out + FEW * USUAL_EXTENT**2) / (total + FEW)))
    mask = _mean(guess.background_at(seen.ref, aspect), agrees)
    long = _mean(seen.tracks.background, agrees)
    sharp = float(soft(off, SHARP_PX).sum()) / max(1e-9, total)
    still = 0.0
    if np.abs(of.corners).max() < STILL_PX * seen.px:
        still = 1 - 1 / (1 + (apart(of, guess, aspect) / (OTHERWISE_PX * seen.px)) ** 2)
    return np.array([extent, mask, sharp, still, long])


def belief_in_network(guess: Guess) -> float:
    """Return how far its answer is to be believed without a track; logits on the same scale."""
    return NETWORK + SURENESS * guess.sure + LONG * NEW


def _mean(values: npt.NDArray[np.float32], weight: FloatArray) -> float:
    return float((weight * values).sum()) / max(1e-9, float(weight.sum()))

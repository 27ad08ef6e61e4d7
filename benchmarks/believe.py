"""Fits the weights of `vstab_core/motion/believe.py` anew: which of the movements of a picture is the camera's.

    python -m benchmarks.believe [--stills FOLDER] [--scenes 6] [--frames 9]

Films as those of `benchmarks.motion`, of other seeds; give photographs that are not its own either. Each pair of frames
is matched as if it were a clip's first; where the movements among its tracks and the network's answer are weighed, the
one nearest to the truth should win. A conditional logit is fitted to every second scene and judged on the others, too.
Printed are the weights as `believe.py` has them, and the share of pairs with the right choice. What films without a
past cannot tell (LONG) stays as it is, and so does what was set by hand (COARSE, and KEPT of `match.py`).
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.optimize import minimize

from benchmarks.common import table
from benchmarks.films import ASIDE, EASY, HARD, Film, Picture, Scene, photographs, shoot
from tests.synthetic import ASPECT, PROXY, scene
from vstab_core.corners import corners_from_homography
from vstab_core.motion import believe
from vstab_core.motion.believe import confirmed, evidence
from vstab_core.motion.guide import NetworkGuide
from vstab_core.motion.guided import Guess, Seen, Tracked
from vstab_core.motion.match import SAME, Matcher
from vstab_core.track import View, open_view, refill

FITTED = ("EXTENT", "MASK", "SHARP", "STILL", "NETWORK", "SURENESS")
FIRST_SEED = 1001  # of the films, and of drawn scenes; `benchmarks.motion` begins with 1
RIGHT_PX = 1.0  # of the proxy, at a corner: a choice no further off than this beside the nearest is right
LOST_PX = 16.0  # where even the nearest is further off than this, there is nothing to choose
KNOWN = 1.0  # how well the present weights are: the deviation of those to be found, before a pair is seen


@dataclass(frozen=True)
class Choice:
    """One pair of frames, between whose movements must be chosen.

    Attributes:
        evidence: (M, 6), by `FITTED`; the last row is the network's answer.
        given: (M,) logits that are not fitted.
        off_px: (M,) from the truth, mean over the corners.
    """

    evidence: np.ndarray
    given: np.ndarray
    off_px: np.ndarray


class Weighing(Matcher):
    """Matches as ever, and keeps what is weighed."""

    def __init__(self, guide: NetworkGuide) -> None:
        super().__init__(ASPECT, guide, None)
        self.weighed: tuple[Guess, list[Tracked]] | None = None

    def _judged(
        self, guess: Guess, ref: View, cur: View, seen: Seen, plain: Tracked | None, usual: Tracked | None
    ) -> Tracked | None:
        if usual is None or not confirmed(usual, guess, ASPECT):
            self.weighed = guess, self._rivals(plain, seen, cur)
        return super()._judged(guess, ref, cur, seen, plain, usual)


def main(arguments: list[str]) -> int:
    """Shoot, match, fit and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.believe", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--stills", type=Path, help="photographs that benchmarks.motion does not use (default: drawn)")
    parser.add_argument("--scenes", type=int, default=6, help="two at least")
    parser.add_argument("--frames", type=int, default=9, help="of each film")
    options = parser.parse_args(arguments)
    if options.scenes < 2:
        parser.error(f"--scenes must be 2 at least, one to fit and one to judge by; got {options.scenes}")
    cv2.setNumThreads(1)
    halves: list[list[Choice]] = [[], []]
    films, guide = {**EASY, **HARD, **ASIDE}, NetworkGuide()
    scenes = _scenes(options.stills, options.scenes + 1)
    for n, (behind, before) in enumerate(itertools.pairwise(scenes)):
        for film in films.values():
            halves[n % 2] += choices_of(film, behind, before, FIRST_SEED + n, options.frames, guide)
    old = np.array([getattr(believe, name) for name in FITTED])
    new = fitted(halves[0], old)
    rows = [
        [title, str(len(half)), *(f"{share_right(half, weights):.3f}" for weights in (old, new))]
        for title, half in (("fitted to", halves[0]), ("judged on", halves[1]))
    ]
    print("\n".join(f"{name} = {weight:.1f}" for name, weight in zip(FITTED, new, strict=True)))
    print(table(["right", "pairs", "before", "after"], rows))
    return 0


def choices_of(
    film: Film, behind: Scene, before: Scene, seed: int, frames: int, guide: NetworkGuide
) -> Iterator[Choice]:
    """Yield the choices of a film's pairs of frames: where there is more than one answer, and a right one."""
    truth = corners_from_homography(film.camera(seed).steps(np.arange(frames)), ASPECT)
    pictures: list[Picture] = shoot(film, behind, before, seed, frames)
    for (ref, cur), corners in zip(itertools.pairwise(pictures), truth[1:], strict=True):
        matcher = Weighing(guide)
        view = open_view(ref)
        refill(view)
        matcher.match(view, open_view(cur))
        if matcher.weighed is not None:
            choice = _choice(*matcher.weighed, corners)
            if len(choice.off_px) > 1 and choice.off_px.min() < LOST_PX:
                yield choice


def _choice(guess: Guess, found: Sequence[Tracked], truth: np.ndarray) -> Choice:
    apart: list[Tracked] = []  # those that are not one
    for of in found:
        if all(np.abs(of.corners - other.corners).max() >= SAME for other in apart):
            apart.append(of)
    said = np.array([evidence(of, guess, ASPECT) for of in apart]).reshape(-1, 5)
    rows = np.zeros((len(apart) + 1, len(FITTED)))
    rows[:-1, :4], rows[-1, 4:] = said[:, :4], (1, guess.sure)
    answers = [*(of.corners for of in apart), corners_from_homography(guess.cur_from_ref, ASPECT)]
    off_px = np.linalg.norm(np.array(answers) - truth, axis=-1).mean(axis=1) * PROXY[1] / 2
    return Choice(rows, believe.LONG * np.append(said[:, 4], believe.NEW), off_px)


def fitted(choices: Sequence[Choice], old: np.ndarray) -> np.ndarray:
    """Return the weights (6,) under which the nearest movements are the likeliest; of what no pair tells, the old."""
    most = max(len(choice.given) for choice in choices)
    said = np.zeros((len(choices), most, len(FITTED)))
    given = np.full((len(choices), most), -np.inf)  # where there are fewer
    for n, choice in enumerate(choices):
        said[n, : len(choice.given)], given[n, : len(choice.given)] = choice.evidence, choice.given
    nearest = np.arange(len(choices)), np.array([choice.off_px.argmin() for choice in choices])

    def unlikely(weights: np.ndarray) -> float:
        logits = said @ weights + given
        lost = np.logaddexp.reduce(logits, axis=1) - logits[nearest]
        return float(lost.sum() + ((weights - old) ** 2).sum() / (2 * KNOWN**2))

    return np.asarray(minimize(unlikely, old).x)


def share_right(choices: Sequence[Choice], weights: np.ndarray) -> float:
    """Return the share of choices in which these weights choose no worse than could be."""
    right = [
        choice.off_px[(choice.evidence @ weights + choice.given).argmax()] <= choice.off_px.min() + RIGHT_PX
        for choice in choices
    ]
    return float(np.mean(right))


def _scenes(folder: Path | None, count: int) -> list[Scene]:
    if folder is not None:
        return photographs(sorted(folder.glob("*.jpg")), count)
    return [scene(FIRST_SEED + n) for n in range(count)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

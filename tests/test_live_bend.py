"""Live, with `--model homography` and `mesh`: the fast part of what bends goes by a known factor, and no bend lasts."""

from __future__ import annotations

import numpy as np
import pytest

from tests.synthetic import ASPECT, FPS, TILT_X, Camera, motion_of, moving
from tests.test_smooth import output_steps
from tests.test_streaming import stream
from vstab_core.closed_loop import ClosedLoopPath
from vstab_core.corners import corners_from_homography, inverse, similarity_basis, similarity_part
from vstab_core.motion.homography import MotionStep
from vstab_core.motion.stabnet import Proposal
from vstab_core.params import Parameters
from vstab_core.smooth.shot import MAX_BEND, MAX_LOCAL
from vstab_core.smooth.weights import horizon_frames
from vstab_core.types import MESH_SHAPE, CameraMotion, FloatArray

LIVE = Parameters(look_ahead=0, model="homography", zoom="none", max_crop=0.3)
HORIZON = horizon_frames(LIVE, 1 / FPS)
HERTZ = 3.0
KEPT = np.exp(-1 / HORIZON)  # of a bend, frame by frame
LEFT = abs((1 - KEPT) / (1 - KEPT * np.exp(-2j * np.pi * HERTZ / FPS)))  # of a swing: a sixth


def tilting(corners: float, hertz: float = HERTZ) -> Camera:
    """Return a camera whose perspective swings: the corners by so much, normalised, beside a similarity."""
    one = np.zeros(6)
    one[TILT_X] = 1e-3
    bend = np.abs(bent(corners_from_homography(Camera(one, one, *EMPTY).poses([0])[0], ASPECT).reshape(8))).max()
    amplitude = np.zeros((1, 6))
    amplitude[0, TILT_X] = 1e-3 * corners / bend
    return Camera(np.zeros(6), np.zeros(6), np.array([hertz / FPS]), amplitude, np.zeros((1, 6)))


EMPTY = np.zeros(0), np.zeros((0, 6)), np.zeros((0, 6))


def bent(corners: FloatArray) -> FloatArray:
    """Return corner displacements (..., 8) without the similarity nearest to them."""
    return np.asarray(corners - corners @ similarity_part(ASPECT).T @ similarity_basis(ASPECT))


def bends_shown(camera: Camera, parameters: Parameters = LIVE, frames: int = 150) -> tuple[FloatArray, FloatArray]:
    """Return the bend of the source's path and of the shown one, (F, 8) each."""
    motion = motion_of(camera, frames)
    track, _ = stream(motion, parameters)
    steps = motion.corners, output_steps(motion, track)
    source, shown = (np.cumsum(bent(of.reshape(-1, 8)), axis=0) for of in steps)
    return source, shown


def swing(path: FloatArray) -> float:
    """Return the RMS about the mean over whole periods, once the beginning has passed."""
    return float(np.std(path[-90:], axis=0).max())


@pytest.mark.parametrize("method", ["klt", "cnn"])
@pytest.mark.parametrize("look_ahead", [0, 5, 30])
def test_a_swinging_perspective_is_held_by_the_factor_of_the_horizon(method: str, look_ahead: int) -> None:
    parameters = Parameters(**{**vars(LIVE), "method": method, "look_ahead": look_ahead})
    source, shown = bends_shown(tilting(0.004), parameters)
    assert 0.1 < LEFT < 0.3
    assert swing(shown) == pytest.approx(LEFT * swing(source), rel=0.03)


def test_a_similarity_leaves_it() -> None:
    source, shown = bends_shown(tilting(0.004), Parameters(**{**vars(LIVE), "model": "similarity"}))
    assert swing(shown) == pytest.approx(swing(source), rel=0.02)


def test_no_bend_lasts() -> None:
    motion = motion_of(tilting(0.005), 200)
    motion.corners[40:] = 0  # the camera holds still where its swing had got to
    track, _ = stream(motion, LIVE)
    bend = np.abs(bent(corners_from_homography(track.src_from_dst, ASPECT).reshape(-1, 8))).max(axis=1)
    assert bend[35:40].max() > 0.003
    assert bend[40 + round(5 * HORIZON)] < 0.01 * bend[39]


def test_a_bend_stops_at_its_limit() -> None:
    track, _ = stream(motion_of(tilting(0.03), 60), LIVE)
    bend = np.abs(bent(corners_from_homography(track.src_from_dst, ASPECT).reshape(-1, 8))).max(axis=1)
    assert 0.9 * MAX_BEND < bend.max() < 1.1 * MAX_BEND  # its inverse is shown, so to first order


def test_strength_scales_the_bend() -> None:
    motion = motion_of(tilting(0.004), 60)
    whole, half = (
        bent(
            corners_from_homography(
                stream(motion, Parameters(**{**vars(LIVE), "strength": of}))[0].src_from_dst, ASPECT
            ).reshape(-1, 8)
        )
        for of in (1.0, 0.5)
    )
    assert np.allclose(half, whole / 2, atol=1e-4)


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_local_motion_is_held_by_the_same_factor(strength: float) -> None:
    still = motion_of(moving(), 150)
    place = np.zeros((150, *MESH_SHAPE))  # of what is filmed at each vertex: the right half swings up and down
    place[:, :, 3:, 1] = 0.002 * np.sin(2 * np.pi * HERTZ / FPS * np.arange(150))[:, None, None]
    mesh = np.diff(place, axis=0, prepend=place[:1]).astype(np.float32)
    motion = CameraMotion(**{**vars(still), "mesh": mesh})
    track, _ = stream(motion, Parameters(**{**vars(LIVE), "model": "mesh", "strength": strength}))
    assert np.allclose(track.src_from_dst, np.eye(3), atol=1e-9)
    assert track.mesh is not None
    shown = place - track.mesh  # src = dst + mesh
    moves = 1 - strength * (1 - (1 - KEPT) / (1 - KEPT * np.exp(-2j * np.pi * HERTZ / FPS)))
    assert swing(shown[:, 2, 4]) == pytest.approx(abs(moves) * swing(place[:, 2, 4]), rel=0.03)
    assert swing(shown[:, 2, 0]) == 0


def test_local_motion_stops_at_its_limit() -> None:
    still = motion_of(moving(), 80)
    mesh = np.zeros((80, *MESH_SHAPE), np.float32)
    mesh[1:20, 1, 1] = 0.002
    track, _ = stream(CameraMotion(**{**vars(still), "mesh": mesh}), Parameters(**{**vars(LIVE), "model": "mesh"}))
    assert track.mesh is not None
    assert np.abs(track.mesh).max() == pytest.approx(MAX_LOCAL, rel=1e-6)
    assert np.abs(track.mesh[20 + round(5 * HORIZON)]).max() < 0.01 * MAX_LOCAL


class Sees:
    """A network that sees each frame where it is and wants the picture to stand still; it is told what was shown."""

    def __init__(self, steps: FloatArray) -> None:
        self._steps, self.shown = iter(steps), np.eye(3)

    def begin(self, image: object) -> None:
        self.shown = np.eye(3)
        next(self._steps)

    def propose(self, image: object) -> Proposal:
        held = next(self._steps) @ self.shown
        return Proposal(held, held, held)

    def show(self, src_from_stab: FloatArray) -> None:
        self.shown = src_from_stab


@pytest.mark.parametrize("model", ["homography", "mesh"])
def test_stabnet_holds_the_perspective_too_and_remembers_what_was_shown(model: str) -> None:
    camera = tilting(0.004) + moving(x=0.0)
    motion = motion_of(camera, 120)
    sees = Sees(camera.steps(np.arange(120)))
    path = ClosedLoopPath(ASPECT, 1 / FPS, Parameters(**{**vars(LIVE), "method": "stabnet", "model": model}), sees)
    image, mesh = np.zeros((9, 16), np.uint8), np.full(MESH_SHAPE, 1e-4, np.float32)
    shown = []
    for number, corners in enumerate(motion.corners):
        warp = path.push(image, MotionStep(corners, mesh, 1.0, number == 0))
        shown.append(inverse(warp.src_from_dst))
        assert np.allclose(warp.src_from_dst, sees.shown / sees.shown[2, 2], atol=1e-9)
        assert (warp.mesh is not None and warp.mesh.any()) == (model == "mesh" and number > 0)
    steps = np.array(shown[1:]) @ camera.steps(np.arange(120))[1:] @ inverse(np.array(shown[:-1]))
    left = np.cumsum(bent(corners_from_homography(steps, ASPECT).reshape(-1, 8)), axis=0)
    assert path.fallbacks == 0
    assert swing(left) < 0.3 * swing(np.cumsum(bent(motion.corners.reshape(-1, 8)), axis=0))

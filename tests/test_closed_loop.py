"""The closed loop: what is shown is the network's where it may be, in the budget, and remembered as it was shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.scenes import texture
from tests.synthetic import ASPECT, FPS, motion_of, moving, shaking
from tests.test_smooth import beyond_source
from vstab_core import closed_loop
from vstab_core.closed_loop import DISAGREE, ClosedLoopPath
from vstab_core.corners import homography_from_corners, inverse, similarity_basis, similarity_from
from vstab_core.errors import UsageError
from vstab_core.motion.homography import MotionStep
from vstab_core.motion.stabnet import Proposal
from vstab_core.params import Parameters
from vstab_core.smooth.solve import smooth
from vstab_core.smooth.streaming import StreamingPath
from vstab_core.types import MESH_SHAPE, FloatArray, FrameWarp, WarpTrack

STABNET = Parameters(method="stabnet")
IMAGE = texture(size=(90, 160))
NO_MESH = np.zeros(MESH_SHAPE, np.float32)


@pytest.fixture(autouse=True)
def believed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closed_loop, "SETTLE", 1.0)


class Says:
    """A network that always wants the same correction (4,), a similarity."""

    def __init__(self, offset: FloatArray) -> None:
        self.wanted = src_from_stab(offset)
        self.begun = 0
        self.told: list[FloatArray] = []

    @property
    def held(self) -> FloatArray:
        """The camera stands still, so what was shown last holds the picture still."""
        return self.told[-1] if self.told else np.eye(3)

    def begin(self, image: object) -> None:
        self.begun += 1
        self.told = []

    def propose(self, image: object) -> Proposal:
        return Proposal(self.held, self.wanted, self.wanted)

    def show(self, src_from_stab: FloatArray) -> None:
        self.told.append(src_from_stab)


def src_from_stab(offset: FloatArray) -> FloatArray:
    return inverse(similarity_from((offset @ similarity_basis(ASPECT))[None], ASPECT)[0])


def run(
    says: Says, parameters: Parameters = STABNET, frames: int = 20, cuts: tuple[int, ...] = (0,)
) -> list[FrameWarp]:
    path = ClosedLoopPath(ASPECT, 1 / FPS, parameters, says)
    motion = motion_of(moving(), frames)
    steps = [MotionStep(corners, NO_MESH, 1.0, n in cuts) for n, corners in enumerate(motion.corners)]
    return [path.push(IMAGE, step) for step in steps]


def test_a_proposal_near_the_solvers_is_shown_and_told() -> None:
    small = np.array([0.02, -0.01, 0.0, 0.006])  # coefficients; a shift of 0.02 / 2 half widths
    says = Says(small)
    warps = run(says, replace(STABNET, zoom="none"))
    assert says.begun == 1
    assert np.allclose(warps[0].src_from_dst, np.eye(3), atol=1e-12)
    for warp, told in zip(warps[1:], says.told, strict=True):
        assert np.allclose(warp.src_from_dst, says.wanted, atol=5e-5)
        assert np.allclose(told, says.wanted, atol=5e-5)


class Holds(Says):
    """A network that sees each frame where it is, by the camera's steps, and wants the picture to stand still."""

    def __init__(self, steps: FloatArray) -> None:
        super().__init__(np.zeros(4))
        self.steps = iter(steps)

    def propose(self, image: object) -> Proposal:
        last = self.told[-1] if self.told else np.eye(3)
        held = next(self.steps) @ last
        return Proposal(held, held, held)


def test_driving_on_is_no_shake() -> None:
    motion = motion_of(moving(zoom=-0.004), 150)
    steps = homography_from_corners(motion.corners, ASPECT)
    path = ClosedLoopPath(ASPECT, 1 / FPS, replace(STABNET, zoom="none", max_crop=0.5), Holds(steps[1:]))
    for number, corners in enumerate(motion.corners):
        warp = path.push(IMAGE, MotionStep(corners, NO_MESH, 1.0, number == 0))
    # It lags by about 17 frames, which is how long it takes to know; held still it would lag by all 150.
    assert abs(np.log(warp.src_from_dst[0, 0] / warp.src_from_dst[2, 2])) < 20 * 0.004


def test_a_network_that_sees_the_frame_elsewhere_is_not_heard() -> None:
    class Misreads(Says):
        @property
        def held(self) -> FloatArray:
            return src_from_stab(np.array([4 * DISAGREE, 0, 0, 0]))

    says = Misreads(np.array([0.02, 0, 0, 0]))
    warps = run(says, replace(STABNET, zoom="none"))
    solved = StreamingPath(ASPECT, 1 / FPS, Parameters(look_ahead=0, zoom="none"))
    for warp, corners in zip(warps, motion_of(moving(), 20).corners, strict=True):
        assert np.array_equal(warp.src_from_dst, solved.push(corners, False)[0].src_from_dst)
    assert all(np.allclose(told, np.eye(3), atol=1e-9) for told in says.told)


def test_each_shot_begins_anew() -> None:
    says = Says(np.array([0.02, 0, 0, 0]))
    warps = run(says, replace(STABNET, zoom="none"), cuts=(0, 7, 8))
    assert says.begun == 3
    assert len(says.told) == 11  # since the last cut
    assert all(np.allclose(warps[cut].src_from_dst, np.eye(3)) for cut in (0, 7, 8))


@pytest.mark.parametrize("max_crop", [0.0, 0.01, 0.15])
def test_no_border_shows_whatever_the_network_wants(max_crop: float) -> None:
    rng = np.random.default_rng(3)
    for n in range(6):
        warps = run(Says(rng.normal(0, 1, 4) * 0.2), replace(STABNET, max_crop=max_crop), frames=4)
        h = np.array([warp.src_from_dst for warp in warps])
        track = WarpTrack(
            1280, 720, ASPECT, np.arange(4), motion_of(moving(), 4).time_base, h, None, np.full(4, max_crop)
        )
        assert beyond_source(track) <= 1e-9, n


def test_strength_scales_what_is_shown_and_not_what_is_remembered() -> None:
    offset = np.array([0.02, 0.0, 0.0, 0.0])
    says = Says(offset)
    whole, half, none = (run(says, replace(STABNET, zoom="none", strength=s))[-1].src_from_dst for s in (1.0, 0.5, 0.0))
    assert half[0, 2] == pytest.approx(whole[0, 2] / 2, rel=1e-6)
    assert np.allclose(none, np.eye(3))
    assert np.allclose(says.told[-1], says.wanted, atol=1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "rotation"},
        {"zoom": "dynamic"},
        {"border": "fill"},
        {"lock": "on"},
        {"hyperlapse": 4},
    ],
)
def test_what_needs_later_frames_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=f"--method stabnet .*--{next(iter(changes))}"):
        ClosedLoopPath(ASPECT, 1 / FPS, replace(STABNET, **changes), Says(np.zeros(4)))


def test_another_path_of_a_sidecar_is_refused() -> None:
    with pytest.raises(UsageError, match="vstab analyze"):
        smooth(motion_of(shaking(1, x=0.01), 10), STABNET)


class Wanders(Says):
    """A network that would leave the picture where it is, or move it at a pace, and says where home is."""

    def __init__(self, home: FloatArray, pace: FloatArray | None = None) -> None:
        super().__init__(home)
        self.pace = src_from_stab(np.zeros(4) if pace is None else pace)

    def propose(self, image: object) -> Proposal:
        return Proposal(self.held, self.held @ self.pace, self.wanted)


def test_it_goes_home_at_the_pace_of_the_smoothness() -> None:
    home = np.array([0.02, 0.0, 0.0, 0.0])
    for smoothness, share in ((0.5, 0.5 / 9.549), (1.0, 0.5 / 19.099)):
        warps = run(Wanders(home), replace(STABNET, zoom="none", smoothness=smoothness), frames=11)
        gone = warps[10].src_from_dst[0, 2] / Wanders(home).wanted[0, 2]
        assert gone == pytest.approx(1 - (1 - share) ** 10, rel=1e-3)


def test_it_hurries_home_before_the_budget_is_used_up() -> None:
    pace = np.array([0.02, 0.0, 0.0, 0.0])  # 0.01 half widths a frame; the budget is 0.1 of them or 0.5
    wide, narrow = (
        np.array([warp.src_from_dst[0, 2] for warp in run(Wanders(np.zeros(4), pace), replace(STABNET, max_crop=crop))])
        for crop in (0.5, 0.1)
    )
    assert np.allclose(wide[:5], narrow[:5], rtol=1e-3)
    assert abs(narrow[-1]) < 0.9 * abs(wide[-1])
    steps = np.diff(np.abs(narrow))
    assert (np.diff(steps[1:]) < 1e-4).all()  # it slows down and does not stop dead
    assert np.abs(narrow).max() < 0.1


def test_pace_and_way_settle_over_some_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closed_loop, "SETTLE", 0.125)
    says = Says(np.array([0.02, 0.0, 0.0, 0.0]))
    warps = run(says, replace(STABNET, zoom="none"), frames=2)
    assert warps[1].src_from_dst[0, 2] == pytest.approx(0.125 * says.wanted[0, 2], rel=1e-3)

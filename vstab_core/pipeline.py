"""The stages composed, from file to file; `resmooth` holds the one way that needs no video."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np

from .cube import SOURCE_WIDTH_PX
from .decode import luma_of, probe, read_frames
from .encode import VideoWriter
from .errors import InputError, OutputError, UsageError
from .motion.homography import MotionEstimator, MotionStep, estimate_motion
from .motion.rolling_shutter import readout_ratio
from .motion.rotation360 import RotationEstimator, RotationSteps
from .params import Parameters, parameters_from
from .render import render_frames, warp_frame
from .result import ProgressFn, Result, figures_of, tell
from .sidecar import Sidecar, check_matches, read_sidecar, write_sidecar
from .smooth import hyperlapse
from .smooth.solve import smooth
from .smooth.streaming import StreamingPath
from .spherical import is_two_to_one, looks_round
from .stretch import pace_of
from .tail import Tail
from .types import CameraMotion, EncodeOptions, Frame, RotationMotion, VideoInfo, WarpTrack

MIN_FRAMES = 3  # two frames have one motion, and nothing to smooth it against


def analyze(
    source: Path,
    sidecar: Path,
    parameters: Parameters,
    *,
    overwrite: bool = False,
    on_progress: ProgressFn | None = None,
) -> Result:
    """Measure the camera motion of a clip, smooth it, and write both to a sidecar.

    Raises:
        InputError: the clip cannot be read or has fewer than three frames.
        OutputError: the sidecar exists, or cannot be written.
    """
    started = time.monotonic()
    info = probe(source)
    _refuse_existing(sidecar, source, overwrite)
    hyperlapse.check(parameters)
    warnings = _doubts(info)
    motion = _measure(info, parameters, on_progress, warnings)
    warps = smooth(motion, parameters)
    write_sidecar(sidecar, _sidecar_of(info, motion, parameters, warps))
    return Result(sidecar, figures_of(motion, warps, started, parameters), warnings)


def render(
    source: Path,
    sidecar: Path,
    output: Path,
    encode: EncodeOptions,
    *,
    overrides: Mapping[str, object] | None = None,
    overwrite: bool = False,
    on_progress: ProgressFn | None = None,
) -> Result:
    """Render a clip with the warps of its sidecar.

    Raises:
        SidecarError: the sidecar is of another clip, size or version.
    """
    started = time.monotonic()
    info = probe(source)
    stored = read_sidecar(sidecar)
    check_matches(stored, info)
    before = stored.parameters.as_dict() if stored.parameters else {}
    parameters = parameters_from({**before, **(overrides or {})})
    warps = stored.warps
    if warps is None and stored.motion is not None and parameters.hyperlapse > 1:
        warps = smooth(stored.motion, parameters)  # see `Sidecar.warps`
    if warps is None:
        raise InputError(f"'{sidecar}' holds no warps; run `vstab smooth` on it")
    warnings = _doubts(info)
    _render(info, warps, stored.motion, parameters, output, encode, overwrite, on_progress, warnings, Tail())
    return Result(output, figures_of(stored.motion, warps, started, parameters), warnings)


def stabilize(
    source: Path,
    output: Path,
    parameters: Parameters,
    encode: EncodeOptions | None = None,
    *,
    sidecar: Path | None = None,
    streaming: bool = False,
    overwrite: bool = False,
    on_progress: ProgressFn | None = None,
) -> Result:
    """Stabilize a clip from file to file.

    Args:
        source, output: the clip and where the result goes; they must differ.
        parameters: all stages'.
        encode: the encoder's options.
        sidecar: where the analysis is kept for another time. One that is there and fits the clip saves the analysis.
        streaming: one pass with `parameters.look_ahead` frames in memory, instead of two passes.
        overwrite: whether an existing output may be replaced.
        on_progress: may raise `Cancelled`; nothing half-written is then left.
    """
    started = time.monotonic()
    encode = encode or EncodeOptions()
    info = probe(source)
    warnings = _doubts(info)
    _refuse_existing(output, source, overwrite)
    hyperlapse.check(parameters)
    if streaming:
        if parameters.hyperlapse > 1:
            raise UsageError("--streaming cannot look far enough ahead for --hyperlapse; leave one of them out")
        if projection_of(info, parameters) == "equirect":
            raise UsageError(
                f"'{source}' is a 360 clip, which --streaming cannot stabilize yet; leave --streaming out, or give "
                "--projection rectilinear if it is none"
            )
        return _stabilize_streaming(info, output, parameters, encode, overwrite, on_progress, warnings, started)
    motion: CameraMotion | RotationMotion | None = None
    tail = Tail()
    if sidecar is not None and sidecar.exists():
        stored = read_sidecar(sidecar)
        check_matches(stored, info)
        motion = stored.motion
    if motion is None:
        motion = _measure(info, parameters, on_progress, warnings, tail)
    warps = smooth(motion, parameters)
    if sidecar is not None:
        write_sidecar(sidecar, _sidecar_of(info, motion, parameters, warps))
    _render(info, warps, motion, parameters, output, encode, overwrite, on_progress, warnings, tail)
    return Result(output, figures_of(motion, warps, started, parameters), warnings)


def projection_of(info: VideoInfo, parameters: Parameters) -> str:
    """Return "rectilinear" or "equirect": what the user says, else what the first picture looks like."""
    if parameters.projection != "auto":
        return parameters.projection
    if not is_two_to_one(info.width, info.height):
        return "rectilinear"
    frames = read_frames(info.path, on_damage=lambda _: None, ahead=0)
    first = next(frames, None)
    getattr(frames, "close", lambda: None)()
    return "equirect" if first is not None and looks_round(luma_of(first, SOURCE_WIDTH_PX)) else "rectilinear"


def _measure(
    info: VideoInfo,
    parameters: Parameters,
    on_progress: ProgressFn | None,
    warnings: list[str],
    tail: Tail | None = None,
) -> CameraMotion | RotationMotion:
    pts: list[int] = []

    def frames() -> Iterator[Frame]:
        for frame in read_frames(info.path, on_damage=warnings.append):
            pts.append(frame.pts)
            if tail is not None:
                tail.add(frame)
            yield frame
            tell(on_progress, "analyze", len(pts), info.frames)

    motion: CameraMotion | RotationMotion
    with _one_thread_for_opencv():
        if projection_of(info, parameters) == "equirect":
            motion = _rotation_of(info, pts, frames())
        else:
            steps = list(estimate_motion((luma_of(frame) for frame in frames()), info.aspect))
            _check_count(info, len(pts))
            motion = _motion_of(info, pts, steps)
    weak = int((motion.confidence == 0).sum())
    if weak > len(motion) // 2:
        warnings.append(f"the camera could be followed in only {len(motion) - weak} of {len(motion)} frames")
    return motion


def _rotation_of(info: VideoInfo, pts: list[int], frames: Iterator[Frame]) -> RotationMotion:
    estimator = RotationEstimator()
    steps: list[RotationSteps] = []
    for frame in frames:
        steps += estimator.push(luma_of(frame, SOURCE_WIDTH_PX), frame.time_s)
    _check_count(info, len(pts))
    steps += estimator.flush()
    columns = [
        np.concatenate([getattr(step, name) for step in steps])
        for name in ("world_from_cam", "local", "confidence", "cut", "key_frame", "speed")
    ]
    return RotationMotion(info.width, info.height, np.array(pts, np.int64), info.time_base, *columns)


def _motion_of(info: VideoInfo, pts: list[int], steps: list[MotionStep]) -> CameraMotion:
    corners = np.array([step.corners for step in steps])
    confidence = np.array([step.confidence for step in steps], np.float32)
    cut = np.array([step.cut for step in steps])
    return CameraMotion(
        info.width,
        info.height,
        info.aspect,
        np.array(pts, np.int64),
        info.time_base,
        corners,
        np.array([step.mesh for step in steps]),
        confidence,
        cut,
        readout_ratio(corners, cut, confidence, info.aspect),
        np.array([step.speed for step in steps], np.float32),
    )


def _render(
    info: VideoInfo,
    warps: WarpTrack,
    motion: CameraMotion | RotationMotion | None,
    parameters: Parameters,
    output: Path,
    encode: EncodeOptions,
    overwrite: bool,
    on_progress: ProgressFn | None,
    warnings: list[str],
    tail: Tail,
) -> None:
    known = set(warnings)

    def damaged(message: str) -> None:  # the analysis met the same damage
        if message not in known:
            warnings.append(message)

    with VideoWriter(output, info, encode, overwrite=overwrite, pace=pace_of(warps, motion, parameters)) as writer:
        frames = tail.replay(lambda: read_frames(info.path, on_damage=damaged), int(warps.pts[0]))
        flat = motion if isinstance(motion, CameraMotion) else None
        for done, frame in enumerate(render_frames(frames, warps, flat, parameters, writer.new_frame), 1):
            writer.write(frame)
            tell(on_progress, "render", done, len(warps))


def _stabilize_streaming(
    info: VideoInfo,
    output: Path,
    parameters: Parameters,
    encode: EncodeOptions,
    overwrite: bool,
    on_progress: ProgressFn | None,
    warnings: list[str],
    started: float,
) -> Result:
    estimator = MotionEstimator(info.aspect, live=parameters.look_ahead == 0)
    smoother = StreamingPath(info.aspect, float(1 / info.frame_rate), parameters)
    waiting: deque[Frame] = deque()
    done = cuts = weak = 0

    with _one_thread_for_opencv(), VideoWriter(output, info, encode, overwrite=overwrite) as writer:

        def give_out(steps: list[MotionStep], last: bool = False) -> None:
            nonlocal done, cuts, weak
            warps = [warp for step in steps for warp in smoother.push(step.corners, step.cut)]
            for warp in [*warps, *(smoother.flush() if last else [])]:
                writer.write(warp_frame(waiting.popleft(), warp, parameters, writer.new_frame))
                done += 1
                tell(on_progress, "stabilize", done, info.frames)
            cuts += sum(step.cut for step in steps)
            weak += sum(step.confidence == 0 for step in steps)

        for frame in read_frames(info.path, on_damage=warnings.append):
            waiting.append(frame)
            give_out(estimator.push(luma_of(frame)))
        give_out(estimator.flush(), last=True)
        _check_count(info, done)
    seconds = time.monotonic() - started
    figures: dict[str, float | int | str] = {
        "frames": done,
        "shots": cuts,
        "weak_frames": weak,
        "crop": 0.0 if parameters.zoom == "none" else parameters.max_crop,
        "seconds": seconds,
        "fps": done / max(seconds, 1e-9),
    }
    return Result(output, figures, warnings)


def _doubts(info: VideoInfo) -> list[str]:
    if not info.interlaced:
        return []
    return [
        f"'{info.path}' is interlaced: its two fields are bent as one picture, which combs where it moves; "
        "deinterlace it first (ffmpeg -vf bwdif)"
    ]


def _check_count(info: VideoInfo, frames: int) -> None:
    if frames < MIN_FRAMES:
        raise InputError(f"stabilizing needs at least {MIN_FRAMES} frames, got {frames} from '{info.path}'")


def _refuse_existing(output: Path, source: Path, overwrite: bool) -> None:
    """Say before a long analysis what `VideoWriter` would say after it."""
    if output.exists() and output.samefile(source):
        raise OutputError(f"output '{output}' is the input; give another name with -o")
    if output.exists() and not overwrite:
        raise OutputError(f"output '{output}' exists; give --overwrite to replace it, or another name with -o")
    if not output.absolute().parent.is_dir():
        raise OutputError(f"output directory '{output.absolute().parent}' does not exist")


def _sidecar_of(
    info: VideoInfo, motion: CameraMotion | RotationMotion, parameters: Parameters, warps: WarpTrack
) -> Sidecar:
    return Sidecar(motion=motion, parameters=parameters, warps=warps, fingerprint=info.fingerprint,
                   source_name=info.path.name, projection=warps.projection)  # fmt: skip


@contextlib.contextmanager
def _one_thread_for_opencv() -> Iterator[None]:
    """Keep OpenCV to the calling thread: decoder and encoder fill the other cores, and its pool would spin."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)

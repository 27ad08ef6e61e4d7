"""The stages composed, from file to file; `resmooth` holds the one way that needs no video."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np

from . import closed_loop
from .ambisonics import sound_changes
from .decode import luma_of
from .encode import VideoWriter
from .errors import InputError, OutputError, UsageError
from .handover import read_ahead
from .models.backbone import is_newer
from .motion.guided import guide_for
from .motion.homography import MotionStep, estimate_motion
from .motion.rolling_shutter import readout_ratio
from .motion.rotation360 import RotationEstimator, RotationSteps
from .params import PARAMS, Parameters, parameters_from
from .pipe.one_pass import OnePass
from .render import render_frames
from .result import ProgressFn, Result, figures_of, tell
from .sequence.names import pattern_of
from .sequence.writer import SequenceWriter, refuse_existing
from .sidecar import Sidecar, check_matches, is_sidecar, read_sidecar, write_sidecar
from .smooth import hyperlapse
from .smooth.solve import doubts_of_path, smooth
from .source import Source, open_source
from .spherical_metadata import spherical_of_output
from .stretch import pace_of
from .tail import Tail
from .track360 import Luma, open_atlas
from .types import (
    CameraMotion,
    EncodeOptions,
    Frame,
    FrameWarp,
    RotationMotion,
    VideoInfo,
    WarpTrack,
)

T = TypeVar("T")
OnCube = tuple[Luma, float, Luma]  # luma of the sphere, time in seconds, its atlas

MEASURED_WITH = ("method", "input_space", "ocio")  # parameters that change what is measured, on the same frames
# And the warps of stabnet.
DECIDED_WITH = ("stabnet_weights", *(name for name, row in PARAMS.items() if row.stage == "smooth"))
DECIDED_AHEAD = 2  # frames, in streaming: one is tracked while another is warped
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
        OutputError: the sidecar exists, or what exists there is none, or it cannot be written.
    """
    started = time.monotonic()
    clip = open_source(source, parameters)
    _refuse_existing(sidecar, source, overwrite)
    _refuse_foreign(sidecar)
    _check(clip)
    warnings = _doubts(clip)
    motion, decided = _measure(clip, on_progress, warnings)
    warps = decided or smooth(motion, clip.parameters)
    write_sidecar(sidecar, _sidecar_of(clip, motion, warps))
    warnings += doubts_of_path(motion, clip.parameters)
    return Result(sidecar, figures_of(motion, warps, started, clip.parameters), warnings)


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
    stored = read_sidecar(sidecar)
    before = stored.parameters.as_dict() if stored.parameters else {}
    parameters = parameters_from({**before, **(overrides or {})})
    warps = stored.warps
    if warps is None and stored.motion is not None and parameters.hyperlapse > 1:
        warps = smooth(stored.motion, parameters)  # see `Sidecar.warps`
    if warps is None:
        raise InputError(f"'{sidecar}' {stored.no_warps}")
    clip = open_source(source, parameters)
    check_matches(stored, clip.info)
    warnings = _doubts(clip)
    _render(clip, warps, stored.motion, output, encode, overwrite, on_progress, warnings, Tail())
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
        sidecar: where the analysis is kept for another time. One that is there and fits the clip saves the analysis,
            unless it was measured in another way.
        streaming: one pass with `parameters.look_ahead` frames in memory, instead of two passes.
        overwrite: whether an existing output may be replaced.
        on_progress: may raise `Cancelled`; nothing half-written is then left.
    """
    started = time.monotonic()
    encode = encode or EncodeOptions()
    clip = open_source(source, parameters)
    warnings = _doubts(clip)
    if pattern_of(source) is None:
        _refuse_existing(output, source, overwrite)
    else:
        refuse_existing(output, source, overwrite)
    _check(clip)
    if streaming:
        if parameters.hyperlapse > 1:
            raise UsageError("--streaming cannot look far enough ahead for --hyperlapse; leave one of them out")
        if clip.sphere:
            raise UsageError(
                f"'{source}' is a 360 clip, which --streaming cannot stabilize yet; leave --streaming out, or give "
                "--projection rectilinear if it is none"
            )
        return _stabilize_streaming(clip, output, encode, overwrite, on_progress, warnings, started)
    motion: CameraMotion | RotationMotion | None = None
    decided: WarpTrack | None = None
    tail = Tail()
    if sidecar is not None and sidecar.exists():
        stored = read_sidecar(sidecar)
        check_matches(stored, clip.info)
        if _measured_alike(stored, clip) and not is_newer(clip.parameters.stabnet_weights, sidecar):
            motion, decided = stored.motion, stored.warps if _decides(clip) else None
    if motion is None:
        deformed = (
            sidecar is not None or clip.parameters.deformation > 0
        )  # a sidecar may be asked for them another time
        motion, decided = _measure(clip, on_progress, warnings, tail, deformed)
    warps = decided or smooth(motion, clip.parameters)
    warnings += doubts_of_path(motion, clip.parameters)
    if sidecar is not None:
        write_sidecar(sidecar, _sidecar_of(clip, motion, warps))
    _render(clip, warps, motion, output, encode, overwrite, on_progress, warnings, tail)
    return Result(output, figures_of(motion, warps, started, clip.parameters), warnings)


def _check(clip: Source) -> None:
    """Refuse what the parameters ask for and no clip like this one can be given."""
    hyperlapse.check(clip.parameters)
    closed_loop.check_weights(clip.parameters)
    if _decides(clip):
        closed_loop.check(clip.parameters)


def _decides(clip: Source) -> bool:
    """Return whether the method decides the warps while the clip is read."""
    return clip.parameters.method == "stabnet" and not clip.sphere


def _measured_alike(stored: Sidecar, clip: Source) -> bool:
    """Return whether a sidecar's motion is what would be measured now; what it does not say is taken as so."""
    before = stored.parameters
    names = MEASURED_WITH + DECIDED_WITH if _decides(clip) else MEASURED_WITH
    if _decides(clip) and (before is None or stored.warps is None):
        return False
    return before is None or all(getattr(before, name) == getattr(clip.parameters, name) for name in names)


def _measure(
    clip: Source,
    on_progress: ProgressFn | None,
    warnings: list[str],
    tail: Tail | None = None,
    deformed: bool = True,
) -> tuple[CameraMotion | RotationMotion, WarpTrack | None]:
    """Return the motion, and the warps where the method decides them as it goes."""
    info = clip.info
    pts: list[int] = []

    def frames() -> Iterator[Frame]:
        for frame in clip.frames(warnings.append):
            pts.append(frame.pts)
            if tail is not None:
                tail.add(frame)
            yield frame

    def told(items: Iterable[T]) -> Iterator[T]:
        for done, item in enumerate(items, 1):
            yield item
            tell(on_progress, "analyze", done, info.frames)

    motion: CameraMotion | RotationMotion
    decided: WarpTrack | None = None
    with _one_thread_for_opencv():
        if clip.sphere:
            pictures = read_ahead(_on_cube(clip, frames()), 1, "reduce")  # takes half as long as tracking
            motion = _rotation_of(clip, pts, told(pictures), deformed)
        else:
            images = (luma_of(frame, tone=clip.tone) for frame in told(frames()))
            warps: list[FrameWarp] = []
            if _decides(clip):
                steps = []
                for step, warp in closed_loop.follow(images, info.aspect, float(1 / info.frame_rate), clip.parameters):
                    steps.append(step)
                    warps.append(warp)
            else:
                steps = list(estimate_motion(images, info.aspect, guide_for(clip.parameters.method)))
            _check_count(info, len(pts))
            motion = _motion_of(info, pts, steps)
            decided = _track_of(motion, warps, clip.parameters) if warps else None
    weak = int((motion.confidence == 0).sum())
    if weak > len(motion) // 2:
        warnings.append(f"the camera could be followed in only {len(motion) - weak} of {len(motion)} frames")
    return motion, decided


def _on_cube(clip: Source, frames: Iterator[Frame]) -> Iterator[OnCube]:
    for frame in frames:
        luma = clip.sphere_luma(frame)
        yield luma, frame.time_s, open_atlas(luma)


def _rotation_of(clip: Source, pts: list[int], pictures: Iterator[OnCube], deformed: bool) -> RotationMotion:
    info = clip.info
    estimator = RotationEstimator(hybrid=clip.parameters.model != "rotation", deformed=deformed, field=clip.field())
    steps: list[RotationSteps] = []
    for luma, time_s, atlas in pictures:
        steps += estimator.push(luma, time_s, atlas)
    _check_count(info, len(pts))
    steps += estimator.flush()
    names = ("world_from_cam", "local", "confidence", "cut", "key_frame", "travel", "speed")
    columns = {name: np.concatenate([getattr(step, name) for step in steps]) for name in names}
    up = np.array(estimator.up, np.float32)[np.cumsum(columns["cut"]) - 1]
    times = np.array(pts, np.int64)
    return RotationMotion(info.width, info.height, times, info.time_base, up=up, **columns)


def _track_of(motion: CameraMotion, warps: list[FrameWarp], parameters: Parameters) -> WarpTrack:
    meshes = [warp.mesh for warp in warps if warp.mesh is not None]  # of every frame, or of none
    return WarpTrack(
        motion.width,
        motion.height,
        motion.aspect,
        motion.pts,
        motion.time_base,
        np.array([warp.src_from_dst for warp in warps]),
        np.array(meshes) if meshes else None,
        np.full(len(warps), 0.0 if parameters.zoom == "none" else parameters.max_crop),
    )


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
    clip: Source,
    warps: WarpTrack,
    motion: CameraMotion | RotationMotion | None,
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

    with _writer(clip, warps, motion, output, encode, overwrite) as writer:
        frames = tail.replay(lambda: clip.frames(damaged), int(warps.pts[0]))
        flat = motion if isinstance(motion, CameraMotion) else None
        shown = render_frames(frames, warps, flat, clip.parameters, writer.new_frame, clip.light)
        for done, frame in enumerate(shown, 1):
            writer.write(frame)
            tell(on_progress, "render", done, len(warps))


def _writer(
    clip: Source,
    warps: WarpTrack,
    motion: CameraMotion | RotationMotion | None,
    output: Path,
    encode: EncodeOptions,
    overwrite: bool,
) -> VideoWriter | SequenceWriter:
    if pattern_of(clip.info.path) is not None:
        return SequenceWriter(output, clip.info, encode, overwrite=overwrite)
    return VideoWriter(output, clip.info, encode, overwrite=overwrite, **beside_the_picture(clip, warps, motion))


def beside_the_picture(clip: Source, warps: WarpTrack, motion: CameraMotion | RotationMotion | None) -> dict[str, Any]:
    """Return the arguments of `VideoWriter` that say what becomes of sound, tags and times."""
    return {
        "size": (clip.info.height, clip.info.width),
        "sound": sound_changes(clip.info.path, warps, motion, clip.parameters.ambisonics),
        "spherical": spherical_of_output(clip.info.path, clip.layout.stereo, clip.layout.half) if clip.sphere else None,
        "pace": pace_of(warps, motion, clip.parameters),
    }


def _stabilize_streaming(
    clip: Source,
    output: Path,
    encode: EncodeOptions,
    overwrite: bool,
    on_progress: ProgressFn | None,
    warnings: list[str],
    started: float,
) -> Result:
    info, parameters = clip.info, clip.parameters
    steady = OnePass(info, float(1 / info.frame_rate), parameters, clip.tone, clip.light)
    done = 0
    open_writer = VideoWriter if pattern_of(info.path) is None else SequenceWriter
    with _one_thread_for_opencv(), open_writer(output, info, encode, overwrite=overwrite) as writer:
        frames = steady.frames(clip.frames(warnings.append), writer.new_frame, DECIDED_AHEAD)
        for done, frame in enumerate(frames, 1):
            writer.write(frame)
            tell(on_progress, "stabilize", done, info.frames)
        _check_count(info, done)
    seconds = time.monotonic() - started
    figures: dict[str, float | int | str] = {
        "frames": done,
        "shots": steady.shots,
        "weak_frames": steady.weak_frames,
        "crop": 0.0 if parameters.zoom == "none" else parameters.max_crop,
        "seconds": seconds,
        "fps": done / max(seconds, 1e-9),
    }
    return Result(output, figures, warnings)


def _doubts(clip: Source) -> list[str]:
    if not clip.info.interlaced:
        return list(clip.warnings)
    return [
        *clip.warnings,
        f"'{clip.info.path}' is interlaced: its two fields are bent as one picture, which combs where it moves; "
        "deinterlace it first (ffmpeg -vf bwdif)",
    ]


def _check_count(info: VideoInfo, frames: int) -> None:
    if frames < MIN_FRAMES:
        raise InputError(f"stabilizing needs at least {MIN_FRAMES} frames, got {frames} from '{info.path}'")


def _refuse_existing(output: Path, source: Path, overwrite: bool) -> None:
    """Say before a long analysis what a writer would say after it."""
    if output.exists() and source.exists() and output.samefile(source):  # the pattern of a sequence is no file
        raise OutputError(f"output '{output}' is the input; give another name with -o")
    if output.exists() and not overwrite:
        raise OutputError(f"output '{output}' exists; give --overwrite to replace it, or another name with -o")
    if not output.absolute().parent.is_dir():
        raise OutputError(f"output directory '{output.absolute().parent}' does not exist")


def _refuse_foreign(sidecar: Path) -> None:
    """Let nothing but a sidecar be replaced by one: a slip in its name would cost a clip."""
    if sidecar.is_file() and sidecar.stat().st_size > 0 and not is_sidecar(sidecar):
        raise OutputError(f"'{sidecar}' exists and is no sidecar, so it is not replaced; give another name with -o")


def _sidecar_of(clip: Source, motion: CameraMotion | RotationMotion, warps: WarpTrack) -> Sidecar:
    return Sidecar(motion=motion, parameters=clip.parameters, warps=warps, fingerprint=clip.info.fingerprint,
                   source_name=clip.info.path.name, projection=warps.projection)  # fmt: skip


@contextlib.contextmanager
def _one_thread_for_opencv() -> Iterator[None]:
    """Keep OpenCV to the calling thread: decoder and encoder fill the other cores, and its pool would spin."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)

"""Draw a clip: choose what, read the frames, write a video or stills."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

from ...decode import probe, read_frames
from ...errors import UsageError
from ...result import ProgressFn, Result, tell
from ...types import EncodeOptions, VideoInfo
from .. import canvas
from .confidence import Confidence
from .drawer import Drawer, write_caption
from .features import Features
from .flow import Flow
from .mask import BackgroundMask
from .output import Sink, Stills, Video, is_stills, stills_pattern
from .tracks import TrackTails

STAGE = "visualize"
KINDS = ("features", "tracks", "flow", "mask", "confidence")


def visualize(
    source: Path,
    output: Path,
    what: str,
    encode: EncodeOptions | None = None,
    *,
    frames: Collection[int] | None = None,
    flow_scale_px: float | None = None,
    labels: bool = True,
    overwrite: bool = False,
    on_progress: ProgressFn | None = None,
) -> Result:
    """Write a video or stills of what a stage sees in a clip.

    Args:
        source: the clip.
        output: a video; or a still, a pattern of stills with a `%d`, or a folder for stills.
        what: "features", "tracks", "flow" or "mask".
        encode: the encoder's options, for a video.
        frames: numbers, from 0, of the frames that become stills; all if None.
        flow_scale_px: of flow: movement a frame, in pixels of the clip, that is shown in full colour.
        labels: whether a caption (and the wheel of flow) stands in the picture.
        overwrite: whether existing outputs may be replaced.
        on_progress: called with the stage "visualize"; may raise `Cancelled`.

    Raises:
        InputError: the clip cannot be read.
        OutputError: the output is the input, exists, or cannot be written.
        UsageError: an option is out of range, or the clip has no such frame.
    """
    started = time.monotonic()
    info = probe(source)
    drawer = _drawer(what, info, flow_scale_px, labels)
    wanted = None if frames is None else frozenset(frames)
    sink = _sink(output, what, info, encode, wanted, overwrite)
    look, done, damage = canvas.look_of(info), 0, list[str]()
    total = info.frames if not wanted else max(wanted) + 1
    seen = 0
    with sink:
        for index, frame in enumerate(read_frames(source, on_damage=damage.append)):
            drawer.see(frame)
            if wanted is None or index in wanted:
                image = drawer.draw(canvas.image_of(frame, look))
                if labels:
                    write_caption(image, drawer.caption)
                sink.write(index, frame, image)
                done += 1
            seen = index + 1
            tell(on_progress, STAGE, seen, total)
            if wanted and seen == total:
                break
        if wanted and max(wanted) >= seen:
            raise UsageError(f"'{source}' has {seen} frames, numbered from 0; there is no frame {max(wanted)}")
    seconds = time.monotonic() - started
    figures: dict[str, object] = {"frames": done, "seconds": seconds, "fps": done / max(seconds, 1e-9)}
    if isinstance(drawer, Flow):
        figures["full_colour_px"] = drawer.full_px
    return Result(output, figures, list(dict.fromkeys(damage)))


def _drawer(what: str, info: VideoInfo, flow_scale_px: float | None, labels: bool) -> Drawer:
    if flow_scale_px is not None and not 0 < flow_scale_px < float("inf"):
        raise UsageError(f"the scale of flow must be more than 0 px a frame, got {flow_scale_px:g}")
    if what == "features":
        return Features()
    if what == "tracks":
        return TrackTails(info)
    if what == "flow":
        return Flow(info, flow_scale_px, legend=labels)
    if what == "mask":
        return BackgroundMask(info)
    if what == "confidence":
        return Confidence(info)
    raise UsageError(f"unknown kind {what!r}; choose one of: {', '.join(KINDS)}")


def _sink(
    output: Path, what: str, info: VideoInfo, encode: EncodeOptions | None, wanted: frozenset[int] | None, over: bool
) -> Sink:
    if is_stills(output):
        if wanted is not None and (not wanted or min(wanted) < 0):
            raise UsageError(f"frames are numbered from 0, got {sorted(wanted) or 'none'}")
        count = None if wanted is None else len(wanted)
        return Stills(stills_pattern(output, f"{info.path.stem}_{what}", count), info, wanted, over)
    if wanted is not None:
        raise UsageError(
            f"selected frames become stills, and '{output}' is none; give a pattern such as '{output.stem}_%04d.png', "
            "or a folder that exists"
        )
    return Video(output, info, encode, over)

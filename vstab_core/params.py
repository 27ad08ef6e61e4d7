"""THE declaration of every parameter a user meets.

The command line, the documents and the editors' faces are built from this table, so a name, a default or a range
stands here and nowhere else. Standard library only: hosts import a copy of this file into Pythons that have no NumPy.
"""

from __future__ import annotations

import difflib
import itertools
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import Any, Literal

try:
    from .errors import UsageError
except ImportError:  # a copy of this file inside a host stands alone

    class UsageError(ValueError):  # type: ignore[no-redef]
        """A parameter is unknown, of the wrong kind or out of range."""


Stage = Literal["analyze", "smooth", "render"]


@dataclass(frozen=True)
class Param:
    """One row of the table.

    Attributes:
        label: the name a user interface shows.
        help: one sentence: what it does, in the user's words.
        stage: the first stage whose result depends on it; a change repeats that stage and those after it.
        choices: the allowed words, for a choice; empty for a number.
        minimum, maximum: the closed range, for a number.
        unit: of a number; empty if dimensionless.
        check: for free text: raises `UsageError` where the text means nothing; text that it returns is kept in place of
            what was given. None for a choice or a number.
        advanced: whether a user interface folds it away.
        streaming: whether it counts only where one pass does everything.
    """

    label: str
    help: str
    stage: Stage
    choices: tuple[str, ...] = ()
    minimum: float = 0.0
    maximum: float = 0.0
    unit: str = ""
    advanced: bool = False
    streaming: bool = False
    check: Callable[[str], object] | None = None


def _choice(default: str, choices: tuple[str, ...], stage: Stage, label: str, text: str, advanced: bool = False) -> Any:
    return field(default=default, metadata={"param": Param(label, text, stage, choices, advanced=advanced)})


def _text(default: str, check: Callable[[str], object], stage: Stage, label: str, text: str) -> Any:
    return field(default=default, metadata={"param": Param(label, text, stage, check=check)})


def _number(
    default: float,
    low: float,
    high: float,
    stage: Stage,
    label: str,
    text: str,
    unit: str = "",
    streaming: bool = False,
) -> Any:
    row = Param(label, text, stage, minimum=low, maximum=high, unit=unit, streaming=streaming)
    return field(default=default, metadata={"param": row})


def orientation_keys(text: str) -> list[tuple[float, float, float, float]]:
    """Read the parameter `orientation`: rows of time in seconds, and yaw, pitch and roll in degrees, in order of time.

    Raises:
        UsageError: the text is neither three numbers nor key frames `time: yaw pitch roll` with rising times.
    """
    wanted = "three angles in degrees as '30 0 0', or key frames with times in seconds as '0: 0 0 0, 4.5: 90 0 0'"
    rows = []
    for part in text.split(","):
        time, colon, angles = part.rpartition(":")
        words = ([time] if colon else ["0"]) + angles.split()
        try:
            row = [float(word) for word in words]
        except ValueError:
            row = []
        if len(row) != 4 or not all(map(math.isfinite, row)) or (not colon and "," in text):
            raise UsageError(f"--orientation must be {wanted}; got {text!r}")
        rows.append((row[0], row[1], row[2], row[3]))
    if any(later[0] <= earlier[0] for earlier, later in itertools.pairwise(rows)):
        raise UsageError(f"--orientation must have its key frames in order of time; got {text!r}")
    return rows


def frames_a_second(text: str) -> Fraction | None:
    """Read the parameter `fps`: a rate, or None for "auto".

    Raises:
        UsageError: the text is neither.
    """
    if text == "auto":
        return None
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not Fraction(1, 10) <= rate <= 1000:
        raise UsageError(f"--fps must be auto, or frames a second as 24, 23.976 or 24000/1001; got {text!r}")
    return rate


def one_name(text: str) -> str:
    """Return the text, which names something.

    Raises:
        UsageError: it is empty.
    """
    if not text.strip():
        raise UsageError("--input-space and --ocio must not be empty; leave them out, or give 'auto'")
    return text


def weights_file(text: str) -> str:
    """Return "auto", or the path of a file, absolute: sidecars and other machines tell it to who works elsewhere.

    Raises:
        UsageError: it is empty.
    """
    if not text.strip():
        raise UsageError("--stabnet-weights must not be empty; leave it out, or give 'auto'")
    return text if text == "auto" else os.path.abspath(text)


@dataclass(frozen=True)
class Parameters:
    """A checked set of parameters; make one with keyword arguments or `parameters_from`.

    Raises:
        UsageError: a value is of the wrong kind, not a number, or out of its range.
    """

    projection: str = _choice(
        "auto",
        ("auto", "rectilinear", "equirect", "cubemap", "eac", "vr180"),
        "analyze",
        "Projection",
        "How the camera maps the world to the picture; auto knows 360 clips (equirect) by metadata, shape and edges; "
        "cubemap (3x2) and eac become equirect; vr180 is half a sphere.",
    )
    method: str = _choice(
        "cnn",
        ("klt", "cnn", "stabnet"),
        "analyze",
        "Method",
        "cnn: corner tracks, robust estimation and a solved path; a trained network helps where tracks leave doubt "
        "(dark, blurred, crowded pictures), and another chooses the path of streaming that sees 0, 1 or 4 to 9 frames "
        "ahead; klt: the same without networks; stabnet: a network decides each warp from the frame and those shown "
        "before, and no later one.",
    )
    stabnet_weights: str = _text(
        "auto",
        weights_file,
        "analyze",
        "StabNet weights",
        "For --method stabnet: a .safetensors file that `vstab train stabnet` or `vstab train stabnet_resnet50` wrote, "
        "which says itself which of the two networks it is for; auto is the installed compact one.",
    )
    input_space: str = _text(
        "auto",
        one_name,
        "analyze",
        "Input space",
        "Colour space that the clip was recorded in, as 'ARRI LogC4' (`vstab spaces` lists them), so that log, linear "
        "and HDR clips track as well as others; auto goes by the clip's tags.",
    )
    ocio: str = _text(
        "auto",
        one_name,
        "analyze",
        "OpenColorIO config",
        "The file that defines the colour spaces; auto takes what $OCIO names, else a built-in config.",
    )
    model: str = _choice(
        "similarity",
        ("translation", "similarity", "homography", "mesh", "rotation"),
        "smooth",
        "Model",
        "How far the picture may be bent; mesh also corrects local motion; rotation: 360 clips from frame to frame, "
        "without key frames (chosen when the clip is analyzed).",
    )
    smoothness: float = _number(
        0.5, 0.0, 1.0, "smooth", "Smoothness", "How long the camera path is smoothed over; 1 is about 2 s."
    )
    strength: float = _number(
        1.0, 0.0, 1.0, "smooth", "Strength", "How much of the correction is applied; 0 leaves the clip as it is."
    )
    lock: str = _choice(
        "off", ("off", "on"), "smooth", "Lock", "Hold the camera still, as on a tripod, as far as the crop allows."
    )
    max_crop: float = _number(
        0.15,
        0.0,
        0.5,
        "smooth",
        "Maximum crop",
        "The most of the picture's width and height that may be lost; the path is solved under this budget.",
    )
    zoom: str = _choice(
        "static",
        ("none", "static", "dynamic"),
        "smooth",
        "Zoom",
        "How the borders are hidden: not at all, by one zoom for each shot, or by a zoom that follows the need.",
    )
    border: str = _choice(
        "crop",
        ("crop", "black", "mirror", "fill"),
        "smooth",
        "Border",
        "What stands where the source has no pixel; crop zooms until none shows; fill takes it from other frames.",
    )
    rolling_shutter: str = _choice(
        "on",
        ("off", "on"),
        "smooth",
        "Rolling shutter",
        "Correct the skew of a sensor that is read row by row (two passes only).",
    )
    stereo: str = _choice(
        "auto",
        ("auto", "mono", "top-bottom", "left-right"),
        "analyze",
        "Stereo (360)",
        "Where the pictures of the two eyes stand in a frame; both are turned alike.",
    )
    view: str = _choice(
        "steady",
        ("steady", "lock", "horizon", "follow"),
        "smooth",
        "View (360)",
        "Where a 360 view looks: steady keeps the camera's smoothed direction, lock that of the first frame; horizon "
        "is steady and level, follow is level with the direction of travel in front.",
    )
    stabilize_yaw: float = _number(
        1.0, 0.0, 1.0, "smooth", "Yaw (360)", "How much of the unwanted turning to the side is removed; 0 keeps it."
    )
    stabilize_pitch: float = _number(
        1.0, 0.0, 1.0, "smooth", "Pitch (360)", "How much of the unwanted nodding is removed; 0 keeps it."
    )
    stabilize_roll: float = _number(
        1.0, 0.0, 1.0, "smooth", "Roll (360)", "How much of the unwanted tilting is removed; 0 keeps it."
    )
    orientation: str = _text(
        "0 0 0",
        orientation_keys,
        "smooth",
        "Orientation (360)",
        "Turn the finished view: yaw right, pitch up, roll clockwise in degrees, as '30 0 0'; or key frames with their "
        "times in seconds, as '0: 0 0 0, 4.5: 90 0 0', with even turning between.",
    )
    deformation: float = _number(
        1.0,
        0.0,
        1.0,
        "smooth",
        "Deformation (360)",
        "How far six local rotations may bend a 360 picture, against rolling shutter, parallax and stitching errors.",
    )
    hyperlapse: float = _number(
        1.0,
        1.0,
        100.0,
        "smooth",
        "Hyperlapse",
        "How many times faster the output plays, at an even camera speed: pauses are skipped; 1 is off.",
    )
    hyperlapse_audio: str = _choice(
        "drop",
        ("drop", "stretch"),
        "render",
        "Hyperlapse sound",
        "What becomes of a hyperlapse's sound; stretch plays it as many times faster, at its own pitch.",
    )
    fps: str = _text(
        "auto",
        frames_a_second,
        "analyze",
        "Frame rate (image sequences)",
        "Frames a second of an image sequence, as 24, 23.976 or 24000/1001; auto: as its files say, else 24.",
    )
    missing_frames: str = _choice(
        "error",
        ("error", "skip"),
        "analyze",
        "Missing frames (image sequences)",
        "What to do where an image sequence has a gap; skip leaves the same gap in the result.",
    )
    look_ahead: int = _number(
        30,
        0,
        240,
        "render",
        "Look-ahead",
        "Frames that streaming may look into the future; 0 is live.",
        "frames",
        streaming=True,
    )
    ambisonics: str = _choice(
        "auto",
        ("auto", "rotate", "keep"),
        "render",
        "Ambisonics (360)",
        "Sound that is turned with the picture: auto what is known as first-order ambiX, rotate every stream of four "
        "channels, keep none.",
    )
    resample_light: str = _choice(
        "as-is",
        ("as-is", "scene", "display"),
        "render",
        "Resample in",
        "What the warp mixes: the codes as they are; or linear light, without dark fringes at highlights: the scene's, "
        "by --input-space or the clip's tags, or the display's, by the tags.",
        advanced=True,
    )
    interpolation: str = _choice(
        "auto",
        ("auto", "bilinear", "bicubic", "lanczos3"),
        "render",
        "Interpolation",
        "The resampling filter; auto is lanczos3, the sharpest, but bicubic for 360 clips and float pictures.",
        advanced=True,
    )

    def __post_init__(self) -> None:
        for name, row in PARAMS.items():
            object.__setattr__(self, name, _checked(name, row, getattr(self, name)))

    def as_dict(self) -> dict[str, str | int | float]:
        """Return name -> value, in the order of the table."""
        return {name: getattr(self, name) for name in PARAMS}


PARAMS: Mapping[str, Param] = {f.name: f.metadata["param"] for f in fields(Parameters)}
DEFAULTS: Mapping[str, str | int | float] = {f.name: f.default for f in fields(Parameters)}  # type: ignore[misc]


def parameters_from(values: Mapping[str, object]) -> Parameters:
    """Check a mapping of names to values, words included ("0.2"), and return the parameters.

    Raises:
        UsageError: a name is unknown (the message lists the nearest known ones) or a value is not allowed.
    """
    for name in values:
        if name not in PARAMS:
            near = difflib.get_close_matches(name, PARAMS, n=3, cutoff=0.4)
            hint = f"did you mean {' or '.join(near)}?" if near else f"known parameters: {', '.join(PARAMS)}"
            raise UsageError(f"unknown parameter {name!r}; {hint}")
    return Parameters(**dict(values))  # type: ignore[arg-type]


def _checked(name: str, row: Param, value: object) -> str | int | float:
    flag = "--" + name.replace("_", "-")
    if row.check is not None:
        if not isinstance(value, str) or not value.isprintable():
            raise UsageError(f"{flag} must be one line of text, got {value!r}")
        kept = row.check(value)
        return kept if isinstance(kept, str) else value
    if row.choices:
        if value not in row.choices:
            raise UsageError(f"{flag} must be one of {', '.join(row.choices)}; got {value!r}")
        return str(value)
    whole = isinstance(DEFAULTS[name], int)
    try:
        if isinstance(value, bool):
            raise TypeError
        number = float(value)  # type: ignore[arg-type]
    except OverflowError:
        number = math.inf
    except (TypeError, ValueError):
        raise UsageError(f"{flag} must be a number, got {value!r}") from None
    if not math.isfinite(number) or not row.minimum <= number <= row.maximum:
        raise UsageError(f"{flag} must be between {row.minimum:g} and {row.maximum:g}, got {value}")
    if whole and number != int(number):
        raise UsageError(f"{flag} must be a whole number, got {value}")
    return int(number) if whole else number

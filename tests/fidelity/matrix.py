"""The matrix of small files: every pair of (codec, container, rate, colour, extra) is in at least one of them."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from tests.clips import ClipSpec, write_clip
from vstab_core.movie_tags import complete_movie

BT709, PQ, HLG = (1, 1, 1, 1), (9, 16, 9, 1), (9, 18, 9, 1)  # primaries, transfer, matrix, range
_DISPLAY = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
_DISPLAY_AV1 = "G(0.265,0.69)B(0.15,0.06)R(0.68,0.32)WP(0.3127,0.329)L(1000.0,0.005)"

# The same as AVMasteringDisplayMetadata: red, green, blue, white, luminance, and that both are there.
MASTERING = struct.pack(
    "=22i", 34000, 50000, 16000, 50000, 13250, 50000, 34500, 50000, 7500, 50000, 3000, 50000, 15635, 50000, 16450,
    50000, 50, 10000, 10000000, 10000, 1, 1,
)  # fmt: skip


@dataclass(frozen=True)
class Codec:
    """An encoder, what it is fed, its options, where it may live, and whether it carries HDR data itself."""

    encoder: str
    pixel_format: str
    options: tuple[tuple[str, str], ...]
    containers: tuple[str, ...]
    hdr_option: str = ""


CODECS = {
    "h264": Codec("libx264", "yuv420p", (("crf", "10"),), ("mp4", "mov", "mkv"), "x264-params"),
    "hevc 10-bit": Codec("libx265", "yuv420p10le", (("crf", "10"),), ("mp4", "mov", "mkv"), "x265-params"),
    "ProRes 422 HQ": Codec("prores_ks", "yuv422p10le", (("profile", "hq"),), ("mov", "mkv")),
    "ProRes 4444 alpha": Codec("prores_ks", "yuva444p10le", (("profile", "4444"),), ("mov", "mkv")),
    "DNxHR HQX": Codec("dnxhd", "yuv422p10le", (("profile", "dnxhr_hqx"),), ("mov", "mxf")),
    "AV1": Codec("libsvtav1", "yuv420p10le", (("crf", "10"), ("preset", "10")), ("mp4", "mkv"), "svtav1-params"),
    "VP9": Codec("libvpx-vp9", "yuv420p", (("crf", "10"), ("b", "0"), ("cpu-used", "8"), ("deadline", "realtime")),
                 ("webm", "mkv", "mp4")),
}  # fmt: skip
RATES = ("constant", "variable")
COLOURS = {"BT.709": BT709, "PQ": PQ, "HLG": HLG}
EXTRAS = ("audio", "subtitles", "timecode", "rotation", "chapters")
# What a container has no place for, so that no file of ours has it.
IMPOSSIBLE = {
    "mxf": {"subtitles", "chapters", "rotation", "variable"},
    "webm": {"rotation"},
    "mkv": {"rotation"},
}
AUDIO = {"mp4": "aac", "mov": "pcm_s16le", "mkv": "aac", "webm": "libopus", "mxf": "pcm_s16le"}
SUBTITLES = {"mp4": "mov_text", "mov": "mov_text", "mkv": "subrip", "webm": "webvtt"}


@dataclass(frozen=True)
class Case:
    """One file of the matrix."""

    codec: str
    container: str
    rate: str
    colour: str
    extras: frozenset[str]

    def __str__(self) -> str:
        return "-".join([self.codec, self.container, self.rate, self.colour, *sorted(self.extras)]).replace(" ", "_")


def _pairs(case: Case) -> set[tuple[str, str]]:
    words = [case.codec, case.container, case.rate, case.colour]
    words += [f"{extra}:{'yes' if extra in case.extras else 'no'}" for extra in EXTRAS]
    return set(itertools.combinations(words, 2))


def _all_cases() -> Iterator[Case]:
    sets = [
        frozenset(extras)
        for count in range(len(EXTRAS) + 1)
        for extras in itertools.combinations(EXTRAS, count)
    ]  # fmt: skip
    for name, codec in CODECS.items():
        for container, rate, colour, extras in itertools.product(codec.containers, RATES, COLOURS, sets):
            if not IMPOSSIBLE.get(container, set()) & {rate, *extras}:
                yield Case(name, container, rate, colour, extras)


def pairwise() -> list[Case]:
    """Return few cases that have every pair which any case has; the same ones each time."""
    cases = list(_all_cases())
    wanted = set().union(*map(_pairs, cases))
    chosen = []
    while wanted:
        best = max(cases, key=lambda case: len(_pairs(case) & wanted))  # the first of equals
        chosen.append(best)
        wanted -= _pairs(best)
    return chosen


def write_case(case: Case, folder: Path, size: tuple[int, int] = (64, 96)) -> Path:
    """Write the file of a case and return its path."""
    codec = CODECS[case.codec]
    options = dict(codec.options)
    if codec.hdr_option and case.colour == "PQ":
        display = _DISPLAY_AV1 if case.codec == "AV1" else _DISPLAY
        names = ("mastering-display", "content-light") if case.codec == "AV1" else ("mastering-display", "cll")
        names = ("master-display", "max-cll") if codec.encoder == "libx265" else names
        options[codec.hdr_option] = f"{names[0]}={display}:{names[1]}=1000,400"
    steps = [0, 3000, 7503, 9000, 13503, 15003] if case.container != "mkv" else [0, 2970, 7470, 9000, 13500, 15030]
    spec = ClipSpec(
        size=(256, 256) if codec.encoder == "dnxhd" else size,
        pixel_format=codec.pixel_format,
        codec=codec.encoder,
        options=options,
        rate=Fraction(25),
        pts=steps if case.rate == "variable" else None,
        time_base=Fraction(1, 25) if case.container == "mxf" else Fraction(1, 90000),
        metadata={"title": "Tïtle", "comment": "a comment"} | ({"timecode": "01:02:03:04"} if _in_file(case) else {}),
        video_metadata={"language": "deu"} | ({"timecode": "01:02:03:04"} if _in_track(case) else {}),
        colour=COLOURS[case.colour],
        audio=AUDIO[case.container] if "audio" in case.extras else None,
        audio_metadata={"language": "fra"},
        subtitles=[(0.04, 0.1, "one"), (0.12, 0.2, "two")] if "subtitles" in case.extras else [],
        subtitle_codec=SUBTITLES.get(case.container, ""),
        rotation_deg=90 if "rotation" in case.extras else None,
        chapters=[(0, 0.1, "first"), (0.1, 0.24, "second")] if "chapters" in case.extras else [],
    )
    path = write_clip(folder / f"source.{case.container}", spec)
    if case.container in ("mov", "mp4"):  # as other programs write them; FFmpeg cannot
        hdr = case.colour == "PQ" and not codec.hdr_option
        complete_movie(path, {0: "deu"}, 0, MASTERING if hdr else None, (1000, 400) if hdr else None)
    return path


def _in_track(case: Case) -> bool:
    return "timecode" in case.extras and case.container in ("mov", "mp4", "mxf")


def _in_file(case: Case) -> bool:
    return "timecode" in case.extras and not _in_track(case)

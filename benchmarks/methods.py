"""The registry of what is compared: the peers that can be run here, and our own ways of working.

To add another, add a `Method` to `METHODS`: its commands as words, with {source}, {output} and {scratch} (a
file of its own for what one command leaves to the next) where the files stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import filter_available, vstab_command

FFMPEG = ("ffmpeg", "-nostdin", "-v", "error", "-y")
ENCODE = ("-an", "-fps_mode", "passthrough", "-c:v", "libx264", "-crf", "16", "-preset", "fast")  # alike for everybody
VSTAB = ("vstab", "stabilize", "{source}", "-o", "{output}", "--overwrite", "--progress", "none",
         "--codec", "libx264", "--crf", "16", "--preset", "fast")  # fmt: skip

CROP_LIMITS = 0.005, 0.5  # of {max_crop}: with less nothing moves, and 0.5 is the parameter's own limit


@dataclass(frozen=True)
class Method:
    """A way to stabilize a clip.

    Attributes:
        name: in JSON and on the command line.
        label: for people.
        what: how it is run, for the head of the tables.
        commands: run one after the other.
        needs: ffmpeg filters that it needs; ours need the vstab command.
        ours: made anew in every run, while a peer's output is made once.
        usual: part of a run without --methods.
        crop_of: the method whose measured cropping ratio stands as {max_crop} = 1 - ratio; empty if none.
    """

    name: str
    label: str
    what: str
    commands: tuple[tuple[str, ...], ...]
    needs: tuple[str, ...] = ()
    ours: bool = False
    usual: bool = True
    crop_of: str = ""

    def available(self) -> bool:
        """Whether it can be run here."""
        if self.ours:
            return vstab_command() is not None
        return all(filter_available(name) for name in self.needs)

    def filled(self, files: dict[str, Path], max_crop: float | None = None) -> list[list[str]]:
        """Return the commands with files and figures in their places."""
        values = {name: str(path) for name, path in files.items()} | {"max_crop": f"{max_crop}"}
        return [[word.format(**values) for word in command] for command in self.commands]


METHODS = (
    Method(
        "vidstab", "vid.stab", "ffmpeg's `vidstabdetect=shakiness=8`, then `vidstabtransform=smoothing=30`",
        ((*FFMPEG, "-i", "{source}", "-vf", "vidstabdetect=shakiness=8:result={scratch}", "-an", "-f", "null", "-"),
         (*FFMPEG, "-i", "{source}", "-vf", "vidstabtransform=input={scratch}:smoothing=30", *ENCODE, "{output}")),
        needs=("vidstabdetect", "vidstabtransform"),
    ),
    Method(
        "deshake", "deshake", "ffmpeg's `deshake`; no zoom, mirrored borders",
        ((*FFMPEG, "-i", "{source}", "-vf", "deshake", *ENCODE, "{output}"),),
        needs=("deshake",),
    ),
    Method("vstab", "vstab", "the defaults", (VSTAB,), ours=True),
    Method("vstab_streaming", "vstab streaming", "`--streaming`", ((*VSTAB, "--streaming"),), ours=True),
    Method(
        "vstab_equal", "vstab at vid.stab's crop",
        "`--max-crop` set to what vid.stab was measured to cut off that clip: the comparison at equal field of view",
        ((*VSTAB, "--max-crop", "{max_crop}"),), ours=True, crop_of="vidstab",
    ),
    Method(
        "vstab_norolling", "vstab without row correction", "`--rolling-shutter off`",
        ((*VSTAB, "--rolling-shutter", "off"),), ours=True, usual=False,
    ),
    # Of `benchmarks.networks`. The method is named, whatever the default.
    *(Method(
        f"{method}_equal", f"{method}, two passes", f"`--method {method}`, `--max-crop` as vid.stab cut",
        ((*VSTAB, "--method", method, "--max-crop", "{max_crop}"),), ours=True, usual=False, crop_of="vidstab",
    ) for method in ("klt", "cnn")),
    *(Method(
        f"{method}_live", f"{method}, live", f"`--streaming --look-ahead 0 --method {method}`, the same `--max-crop`",
        ((*VSTAB, "--streaming", "--look-ahead", "0", "--method", method, "--max-crop", "{max_crop}"),),
        ours=True, usual=False, crop_of="vidstab",
    ) for method in ("klt", "cnn", "stabnet")),
)  # fmt: skip
BY_NAME = {method.name: method for method in METHODS}


def budget(cropping_ratio: float) -> float:
    """Return the --max-crop that may cut as much as a method with this cropping ratio did."""
    return round(min(max(1 - cropping_ratio, CROP_LIMITS[0]), CROP_LIMITS[1]), 4)


def chosen(names: list[str] | None) -> list[Method]:
    """Return the methods of these names, or the usual ones, with those they take their crop from; in registry order.

    Raises:
        KeyError: a name is unknown.
    """
    wanted = {method.name for method in METHODS if method.usual} if names is None else set(names)
    if unknown := wanted - set(BY_NAME):
        raise KeyError(f"unknown method {', '.join(sorted(unknown))}; choose from: {', '.join(BY_NAME)}")
    wanted |= {BY_NAME[name].crop_of for name in wanted} - {""}
    return [method for method in METHODS if method.name in wanted]

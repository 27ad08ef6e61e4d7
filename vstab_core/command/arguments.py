"""The command line's grammar, built from the table of parameters."""

from __future__ import annotations

import argparse
import difflib
import importlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from ..errors import UsageError
from ..params import DEFAULTS, PARAMS, Param

DESCRIPTION = "Video stabilizer for editors: shaky footage in, steady footage out."
EPILOG = """\
examples:
  vstab stabilize walk.mp4 -o steady.mp4      all in one go
  vstab analyze walk.mp4                      the slow part once: writes walk.vstab
  vstab smooth walk.vstab --smoothness 0.8    another path, in milliseconds
  vstab render walk.mp4 -o steady.mp4         write the video
  vstab eval walk.mp4 steady.mp4              how steady it is, and what that cost

exit status: 0 done, 2 usage, 3 input, 4 output, 5 sidecar, 130 cancelled, 1 and 70 other errors
"""

# command -> (one line of help, the stages it runs)
COMMANDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "stabilize": ("stabilize a video: analyze, smooth and render", ("analyze", "smooth", "render")),
    "analyze": ("measure how the camera moved and write a sidecar", ("analyze", "smooth")),
    "smooth": ("solve the camera path of a sidecar again, with other parameters", ("smooth",)),
    "render": ("write the stabilized video that a sidecar describes", ("render",)),
    "eval": ("measure how steady a stabilized clip is, and what that cost", ("evaluate",)),
    "compare": ("write a video of the original beside the stabilized clip", ("compare",)),
    "report": ("write a page with both clips, the camera path and the figures", ("evaluate", "report")),
    "visualize": ("draw features, tracks, flow or the background mask of a clip", ("visualize",)),
    "pipe": ("stabilize between two programs: NUT in on stdin, NUT out on stdout", ("stabilize",)),
    "export": ("write the camera motion and the warps of a sidecar for other programs", ("export",)),
    "batch": ("stabilize many clips; a run that was stopped goes on", ("batch",)),
    "unstabilize": ("give a stabilized 360 clip its original view back", ("render",)),
    "train": ("train one of the networks, on a CPU or a CUDA GPU", ("train",)),
    "segment": ("", ("render",)),  # of `batch`, for itself: not shown
    "info": ("show what is known of a video or a sidecar", ()),
    "params": ("list every parameter", ()),
    "metrics": ("list every metric of `vstab eval`, with its formula and source", ()),
    "spaces": ("list the colour spaces that --input-space takes", ()),
    "doctor": ("check this installation", ()),
}
# command -> the module of this package that declares its arguments and runs it; the others are cli's own
MODULES = {
    "eval": "evaluate",
    "compare": "compare",
    "report": "report",
    "visualize": "visualize",
    "export": "export",
    "pipe": "pipe",
    "batch": "batch",
    "unstabilize": "unstabilize",
    "segment": "segment",
    "train": "train",
}
PROGRESS_MODES = ("auto", "json", "none")


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises UsageError, and takes no abbreviations: a later option must not change a script."""

    def __init__(self, **settings: object) -> None:
        settings.setdefault("formatter_class", _Formatter)
        super().__init__(allow_abbrev=False, **settings)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing."""
        raise UsageError(f"{message}; see `{self.prog} --help`")


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse a command line without the program's name.

    Returns:
        a namespace with `command`, what the command takes, and `given`: name -> text of each parameter that was given.

    Raises:
        UsageError: a command, an option or a value is unknown or missing; the message names the nearest known ones.
        SystemExit: after --help.
    """
    parser, commands = build_parser()
    _refuse_unknown(arguments, commands)
    options = parser.parse_args(arguments)
    options.given = {name: value for name in PARAMS if (value := getattr(options, f"param_{name}", None)) is not None}
    return options


def build_parser() -> tuple[Parser, dict[str, Parser]]:
    """Return the parser, and that of each command."""
    parser = Parser(prog="vstab", description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("--version", action="store_true", help="show the version and exit")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands: dict[str, Parser] = {}
    for name, (text, stages) in COMMANDS.items():
        if text:
            command = subparsers.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        else:
            command = subparsers.add_parser(name)
        commands[name] = command
        _add_files(command, name)
        if name in MODULES:
            module_of(name).add_arguments(command)
        if name != "segment":  # the sidecar knows them
            add_parameters(command, _parameters_of(name, stages))
        if name in ("stabilize", "render"):
            add_encoder(command)
        if stages:
            group = command.add_argument_group("running")
            group.add_argument(
                "--progress",
                choices=PROGRESS_MODES,
                default="auto",
                help="auto: a bar on a terminal; json: one object per line on "
                f"{'stderr' if name == 'pipe' else 'stdout'}; none: only warnings and errors",
            )
            if name not in ("eval", "pipe"):
                group.add_argument("--overwrite", action="store_true", help="replace an output that exists")
        command.add_argument("-v", "--verbose", action="count", default=0, help="log more; twice for everything")
    return parser, commands


def _add_files(command: Parser, name: str) -> None:
    if name in ("stabilize", "analyze", "render"):
        command.add_argument("input", metavar="IN", type=Path, help="the video")
    elif name == "smooth":
        command.add_argument("sidecar", metavar="SIDECAR", type=Path, help="a .vstab file; solved again in place")
        command.add_argument("-o", "--output", metavar="OUT", type=Path, help="write another sidecar instead")
    elif name == "info":
        command.add_argument("input", metavar="FILE", type=Path, help="a video or a .vstab file")
    if name in ("stabilize", "render"):
        command.add_argument(
            "-o", "--output", metavar="OUT", type=Path, help="the result (default: IN_stabilized.EXT beside the video)"
        )
    if name == "analyze":
        command.add_argument(
            "-o", "--output", metavar="OUT", type=Path, help="the sidecar (default: IN.vstab beside the video)"
        )
    if name == "stabilize":
        command.add_argument(
            "--sidecar", metavar="PATH", type=Path, help="keep the measured motion here, or use what is here already"
        )
        command.add_argument(
            "--streaming", action="store_true", help="one pass with a bounded look into the future (see --look-ahead)"
        )
    if name == "render":
        command.add_argument(
            "--sidecar", metavar="PATH", type=Path, help="the sidecar (default: IN.vstab beside the video)"
        )
    if name == "spaces":
        command.add_argument(
            "--search", metavar="TEXT", default="", help="only those with all these words in their names"
        )
        add_parameters(command, ("ocio",))
    if name in ("info", "params", "metrics", "doctor", "spaces"):
        command.add_argument("--json", action="store_true", help="one JSON value on stdout")
    if name == "doctor":
        for option, text in (
            ("install-ofx", "put the OpenFX plug-in into FOLDER, or where editors look"),
            ("uninstall-ofx", "remove it from there"),
            ("install-resolve", "put the menu scripts into FOLDER, or DaVinci Resolve's folder Fusion of this user"),
            ("uninstall-resolve", "remove them from there"),
        ):
            command.add_argument(f"--{option}", metavar="FOLDER", type=Path, nargs="?", const=Path(), help=text)
    if name in ("params", "metrics"):
        page = "parameters" if name == "params" else name
        command.add_argument("--markdown", action="store_true", help=f"the page docs/{page}.md")


def module_of(name: str) -> Any:
    """Return the module of a command in `MODULES`."""
    return importlib.import_module(f".{MODULES[name]}", __package__)


def add_pair(command: argparse.ArgumentParser) -> None:
    """Declare the two clips that are compared."""
    command.add_argument("original", metavar="ORIGINAL", type=Path, help="the clip as it was filmed")
    command.add_argument("stabilized", metavar="STABILIZED", type=Path, help="what a stabilizer made of it")


def _parameters_of(name: str, stages: tuple[str, ...]) -> Iterable[str]:
    if name == "batch":  # all of `stabilize`
        stages = COMMANDS["stabilize"][1]
    for parameter, row in PARAMS.items():
        asked_again = name == "render" and parameter in ("input_space", "ocio")  # for --resample-light
        if asked_again or (row.stage in stages and (name in ("stabilize", "batch") or not row.streaming)):
            yield parameter


def add_parameters(command: argparse.ArgumentParser, names: Iterable[str]) -> None:
    """Declare parameters of the table."""
    usual = command.add_argument_group("parameters")
    advanced = command.add_argument_group("advanced parameters")
    for name in names:
        row = PARAMS[name]
        text = f"{row.help} (default: {DEFAULTS[name]}{f' {row.unit}' if row.unit else ''})"
        (advanced if row.advanced else usual).add_argument(
            flag_of(name), dest=f"param_{name}", metavar=_values(row), help=text.replace("%", "%%")
        )


def _values(row: Param) -> str:
    if row.check is not None:
        return "TEXT"
    return "{" + ",".join(row.choices) + "}" if row.choices else f"{row.minimum:g}..{row.maximum:g}"


def add_encoder(command: argparse.ArgumentParser) -> None:
    """Declare what the user may ask of the encoder; `encoder_options` reads it."""
    group = command.add_argument_group(
        "encoder", "Left out: the source's codec family and bit depth, visually lossless."
    )
    group.add_argument("--codec", metavar="NAME", help="FFmpeg's encoder: libx264, libx265, prores_ks, dnxhd, ...")
    group.add_argument("--crf", metavar="QUALITY", help="constant quality, the encoder's own scale; less is better")
    group.add_argument("--preset", metavar="NAME", help="the encoder's speed preset")
    group.add_argument("--pix-fmt", metavar="FORMAT", help="FFmpeg's pixel format: yuv420p10le, ...")
    group.add_argument(
        "--encoder-option",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="any further option of the encoder; may be repeated",
    )


def encoder_options(options: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of `types.EncodeOptions` that were given.

    Raises:
        UsageError: a value cannot be understood.
    """
    extra = []
    for text in options.encoder_option:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise UsageError(f"--encoder-option must be NAME=VALUE, got {text!r}")
        extra.append((name, value))
    crf = None
    if options.crf is not None:
        try:
            crf = float(options.crf)
        except ValueError:
            crf = float("nan")
        if not 0 <= crf <= 255:
            raise UsageError(f"--crf must be a number from 0 up, got {options.crf!r}")
    return {
        "codec": options.codec,
        "crf": crf,
        "preset": options.preset,
        "pix_fmt": options.pix_fmt,
        "extra": tuple(extra),
    }


def flag_of(name: str) -> str:
    """Return a parameter's name on the command line."""
    return "--" + name.replace("_", "-")


def _refuse_unknown(arguments: Sequence[str], commands: dict[str, Parser]) -> None:
    """Name unknown commands and options with their nearest neighbours, before argparse trips over what follows them."""
    words = list(arguments[: arguments.index("--")] if "--" in arguments else arguments)
    at = next((index for index, word in enumerate(words) if not word.startswith("-")), None)
    if at is None:
        return
    name = words[at]
    if name not in commands:
        shown = [known for known in commands if COMMANDS[known][0]]
        raise UsageError(f"unknown command {name!r}; {_nearest(name, shown, 'commands')}")
    known = _flags(commands[name])
    for word in words[at + 1 :]:
        flag = word.partition("=")[0]
        if not flag.startswith("--") or flag in known:
            continue
        others = [other for other in commands if flag in _flags(commands[other])]
        if others:
            raise UsageError(f"{flag} is no option of `vstab {name}`; it belongs to {', '.join(others)}")
        raise UsageError(f"unknown parameter {flag}; {_nearest(flag, known, 'options')}")


def _flags(parser: Parser) -> list[str]:
    return [flag for flag in parser._option_string_actions if flag.startswith("--")]


def _nearest(word: str, known: Sequence[str], kind: str) -> str:
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(near)}?" if near else f"known {kind}: {', '.join(known)}"

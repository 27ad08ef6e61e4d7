"""The command `vstab`. What it prints and returns is a promise to hosts: see `docs/hosts.md`.

This module imports nothing heavy, and the command's functions only what they need, so that `vstab --help` and
`vstab params` answer at once.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import logging
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .command.arguments import COMMANDS, MODULES, build_parser, encoder_options, flag_of, module_of, parse
from .command.cancel import Cancellation
from .command.progress import Reporter, WarningHandler, finite, reporter_for
from .errors import Cancelled, OutputError, UsageError, VstabError
from .params import PARAMS, parameters_from
from .sequence.names import pattern_of

if TYPE_CHECKING:
    from .result import Result
    from .types import EncodeOptions

logger = logging.getLogger(__name__)

EXIT_FAILURE = 1
EXIT_UNEXPECTED = 70  # EX_SOFTWARE of sysexits.h: the fault is ours
EXIT_MEMORY = 71  # EX_OSERR: the system could not give what was asked


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status; `arguments` are those after the program's name."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    _make_printable()
    try:
        status = _run(arguments)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # `vstab params | head`
        _silence_stdout()
        return Cancelled.exit_status
    except KeyboardInterrupt:  # before or after the part that handles signals
        return Cancelled.exit_status


def _run(arguments: Sequence[str]) -> int:
    try:
        options = parse(arguments)
    except UsageError as error:
        return _tell_error(error, as_json=_wants_json(arguments))
    if options.version:
        print(f"vstab {_version()}")
        return 0
    if options.command is None:
        build_parser()[0].print_help(sys.stderr)
        return UsageError.exit_status
    with _logging(options.verbose):
        if COMMANDS[options.command][1]:
            return _run_job(options)
        try:
            show = {"info": _info, "params": _params, "metrics": _metrics, "spaces": _spaces, "doctor": _doctor}
            return show[options.command](options)
        except BrokenPipeError:
            raise
        except Exception as error:
            status = _tell_error(error, as_json=options.json)
            _show_trace(error, status, options.verbose)
            return status


def _run_job(options: argparse.Namespace) -> int:
    with Cancellation() as cancellation:
        piped = options.command == "pipe"  # stdin and stdout belong to the video
        reporter = reporter_for(options.progress, lambda: cancellation.request("nobody reads stdout any more"), piped)
        handler = WarningHandler(reporter)
        logging.getLogger("vstab_core").addHandler(handler)
        try:
            if options.progress == "json" and not piped:
                cancellation.watch_stdin()
            job = (_Other if options.command in MODULES else _Job)(options, reporter, cancellation)
            reporter.started(job.facts())
            with contextlib.redirect_stdout(sys.stderr):  # libraries print (OpenEXR); stdout is for results
                result = job.run()
            for message in result.warnings:
                handler.tell(message)
            reporter.result(job.result_facts(result), result.text)
            return 0
        except BrokenPipeError:
            raise
        except (Exception, KeyboardInterrupt) as error:
            code, message, status = _explain(error)
            reporter.error(code, message)
            _show_trace(error, status, options.verbose)
            return status
        finally:
            logging.getLogger("vstab_core").removeHandler(handler)
            if cancellation.requested:
                _silence_stdout()


class _Job:
    """One run of stabilize, analyze, smooth or render: the command line turned into a call of the pipeline."""

    def __init__(self, options: argparse.Namespace, reporter: Reporter, cancellation: Cancellation) -> None:
        self._options = options
        self._reporter = reporter
        self._cancellation = cancellation
        self._parameters = parameters_from(options.given)
        self._encode = encoder_options(options) if options.command in ("stabilize", "render") else {}
        source: Path | None = getattr(options, "input", None)
        self._output, self._sidecar = _default_paths(
            options.command, source, options.output, getattr(options, "sidecar", None)
        )
        if options.command in ("stabilize", "render") and self._sidecar is not None:
            for path in (options.input, self._output):
                if os.path.realpath(path) == os.path.realpath(self._sidecar):
                    raise UsageError(f"--sidecar must be a file of its own, got '{path}'")
        streaming = getattr(options, "streaming", False)
        self._stages = ["stabilize"] if streaming else list(COMMANDS[options.command][1])
        if not streaming:
            for name in options.given:
                if PARAMS[name].streaming:
                    raise UsageError(f"{flag_of(name)} counts with --streaming only; add --streaming or leave it out")

    def facts(self) -> dict[str, object]:
        """Return what the `started` line says."""
        options = self._options
        return {
            "vstab": _version(),
            "command": options.command,
            "stages": self._stages,
            "input": getattr(options, "input", None),
            "output": self._output,
            "sidecar": self._sidecar,
        }

    def result_facts(self, result: Result) -> dict[str, object]:
        """Return what the `result` line says."""
        return {"output": result.output, "sidecar": self._sidecar, "figures": result.figures}

    def run(self) -> Result:
        """Call the pipeline, or for `smooth`, which a slider waits for, what needs no video library."""
        options, output, sidecar = self._options, self._output, self._sidecar
        self._cancellation.check()
        if options.command == "smooth":
            from . import resmooth

            if output != options.sidecar and output.exists() and not options.overwrite:
                raise OutputError(f"output '{output}' exists; give --overwrite to replace it, or another name with -o")
            return resmooth.smooth(options.sidecar, self._given(), output=options.output, on_progress=self._on_progress)
        from . import pipeline

        if options.command == "stabilize":
            return pipeline.stabilize(
                options.input,
                output,
                self._parameters,
                self._encode_options(),
                sidecar=sidecar,
                streaming=options.streaming,
                overwrite=options.overwrite,
                on_progress=self._on_progress,
            )
        assert sidecar is not None
        if options.command == "analyze":
            return pipeline.analyze(
                options.input, output, self._parameters, overwrite=options.overwrite, on_progress=self._on_progress
            )
        return pipeline.render(
            options.input,
            sidecar,
            output,
            self._encode_options(),
            overrides=self._given(),
            overwrite=options.overwrite,
            on_progress=self._on_progress,
        )

    def _given(self) -> dict[str, Any]:
        return {name: getattr(self._parameters, name) for name in self._options.given}

    def _encode_options(self) -> EncodeOptions:
        from .types import EncodeOptions

        return EncodeOptions(**self._encode)

    def _on_progress(self, stage: str, frame: int, frames: int) -> None:
        self._cancellation.check()
        self._reporter.progress(stage, frame, frames)


class _Other:
    """One run of a command that has a module of its own, see `arguments.MODULES`."""

    def __init__(self, options: argparse.Namespace, reporter: Reporter, cancellation: Cancellation) -> None:
        self._options = options
        self._reporter = reporter
        self._cancellation = cancellation
        self._module = module_of(options.command)
        options.on_event, options.check = reporter.event, cancellation.check  # of `batch`
        self._output: Path | None = getattr(options, "output", None) or self._module.default_output(options)
        options.output = self._output

    def facts(self) -> dict[str, object]:
        """Return what the `started` line says."""
        options = self._options
        return {
            "vstab": _version(),
            "command": options.command,
            "stages": list(COMMANDS[options.command][1]),
            "input": getattr(options, "original", None) or getattr(options, "input", None),
            "stabilized": getattr(options, "stabilized", None),
            "output": self._output,
            "sidecar": getattr(options, "sidecar", None),
        }

    def result_facts(self, result: Result) -> dict[str, object]:
        """Return what the `result` line says."""
        return {"output": result.output, "sidecar": getattr(self._options, "sidecar", None), "figures": result.figures}

    def run(self) -> Result:
        """Call the command's module."""
        self._cancellation.check()
        done: Result = self._module.run(self._options, self._on_progress)
        return done

    def _on_progress(self, stage: str, frame: int, frames: int) -> None:
        self._cancellation.check()
        self._reporter.progress(stage, frame, frames)


def _default_paths(
    command: str, source: Path | None, output: Path | None, sidecar: Path | None
) -> tuple[Path, Path | None]:
    """Return (output, sidecar) with what was left out filled in."""
    if source is None:  # smooth
        assert sidecar is not None
        return output or sidecar, output or sidecar
    if command == "analyze":
        output = output or _named(source, "", ".vstab")
        return output, output
    if command == "render":
        sidecar = sidecar or _named(source, "", ".vstab")
    return output or _named(source, "_stabilized", source.suffix), sidecar


def _named(source: Path, mark: str, suffix: str) -> Path:
    pattern = pattern_of(source)
    if pattern is None:
        return source.with_name(f"{source.stem}{mark}{suffix}")
    return pattern.marked(mark) if mark else pattern.with_suffix(suffix)


def _info(options: argparse.Namespace) -> int:
    from .command import describe

    values = describe.info_values(options.input)
    print(json.dumps(finite(values), allow_nan=False) if options.json else describe.text_of(values))
    return 0


def _params(options: argparse.Namespace) -> int:
    from .command import describe

    if options.json:
        print(json.dumps(describe.params_values(), indent=1))
    else:
        print(describe.params_markdown() if options.markdown else describe.params_text())
    return 0


def _metrics(options: argparse.Namespace) -> int:
    from .command import metrics

    if options.json:
        print(json.dumps(metrics.values(), indent=1))
    else:
        print(metrics.markdown() if options.markdown else metrics.text())
    return 0


def _spaces(options: argparse.Namespace) -> int:
    from .command import spaces

    found = spaces.values(options.search, options.given.get("ocio", "auto"))
    print(json.dumps(found, indent=1) if options.json else spaces.text(found))
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from .command import describe, doctor

    for which in doctor.INSTALLERS:
        for what in ("install", "uninstall"):
            folder = getattr(options, f"{what}_{which}")
            if folder is not None:
                done = doctor.install(which, what, None if folder == Path() else folder)
                print(json.dumps(done) if options.json else describe.text_of(done) or "nothing to remove")
                return 0
    report = doctor.examine(_version())
    print(json.dumps(finite(report), allow_nan=False) if options.json else describe.text_of(report))
    return 0 if report["healthy"] else EXIT_FAILURE


def _explain(error: BaseException) -> tuple[str, str, int]:
    """Return (code, message, exit status) of whatever stopped the run."""
    if isinstance(error, VstabError):
        return error.code, str(error), error.exit_status
    if isinstance(error, KeyboardInterrupt):
        return Cancelled.code, "cancelled: SIGINT; nothing half-written is left", Cancelled.exit_status
    if isinstance(error, MemoryError) or (type(error).__module__ == "cv2" and getattr(error, "code", 0) == -4):
        return "memory", "not enough memory; close other programs, or try --streaming or a smaller clip", EXIT_MEMORY
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError.code, f"the disk is full; nothing half-written is left ({error})", OutputError.exit_status
    if isinstance(error, OSError) and error.strerror:
        return VstabError.code, str(error), EXIT_FAILURE
    detail = traceback.format_exception_only(error)[-1].strip()
    hint = "this is a fault of vstab; please report it with the output of the same command with -v"
    return "internal", f"unexpected {detail}; {hint}", EXIT_UNEXPECTED


def _tell_error(error: BaseException, *, as_json: bool) -> int:
    code, message, status = _explain(error)
    if as_json:
        print(json.dumps({"event": "error", "code": code, "message": message}), flush=True)
    else:
        print(f"vstab: error: {message}", file=sys.stderr)
    return status


def _show_trace(error: BaseException, status: int, verbose: int) -> None:
    if status in (EXIT_UNEXPECTED, EXIT_MEMORY) and verbose:
        traceback.print_exception(error)


def _wants_json(arguments: Sequence[str]) -> bool:
    """Whether a command line that could not be parsed asks for JSON."""
    pairs = zip(arguments, [*arguments[1:], ""], strict=True)
    return any(
        word in ("--json", "--progress=json") or (word, after) == ("--progress", "json") for word, after in pairs
    )


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("vstab")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"


@contextlib.contextmanager
def _logging(verbose: int) -> Iterator[None]:
    """Show the log on stderr as far as -v asks for it; warnings reach the user through the reporter."""
    log = logging.getLogger("vstab_core")
    before = log.level, log.propagate
    log.propagate = False
    handler: logging.Handler = logging.NullHandler()
    if verbose:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("vstab: %(levelname)s %(name)s: %(message)s"))
        log.setLevel(logging.INFO if verbose == 1 else logging.DEBUG)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.level, log.propagate = before


def _make_printable() -> None:
    """Let a file name that is no valid text be shown with escapes rather than stop us."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _silence_stdout() -> None:
    """Send what is still buffered for a closed stdout nowhere, so that Python's exit does not complain."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        return
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


if __name__ == "__main__":
    sys.exit(main())

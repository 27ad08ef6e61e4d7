"""The exceptions vstab raises, each with the code that `--progress json` reports and the exit status of the command.

A message says what is wrong, what came, and what is allowed or what to do.
"""

from __future__ import annotations


class VstabError(Exception):
    """Base of every error that vstab raises on purpose."""

    code = "error"
    exit_status = 1


class UsageError(VstabError):
    """A parameter is unknown, of the wrong kind or out of range."""

    code = "usage"
    exit_status = 2


class InputError(VstabError):
    """The input cannot be read, is no video, or has too little in it."""

    code = "input"
    exit_status = 3


class OutputError(VstabError):
    """The output cannot be written: it exists, equals the input, the disk is full, or permission is missing."""

    code = "output"
    exit_status = 4


class SidecarError(VstabError):
    """A sidecar is damaged, of another version, or belongs to another clip."""

    code = "sidecar"
    exit_status = 5


class ModelError(VstabError):
    """A network cannot be run: its weights are missing, damaged or of another version, or its device is not there."""

    code = "model"


class Cancelled(VstabError):  # noqa: N818 - a request that was honoured, not a fault
    """The caller asked to stop; nothing half-written is left."""

    code = "cancelled"
    exit_status = 130

"""The user's choices: one JSON file, written by *vstab Settings*."""

import json
import os
import sys

from .refused import Refused

RESULTS = ("take", "above", "fusion")
RESULT_WORDS = {
    "take": "a take of the clip",
    "above": "a clip on the track above",
    "fusion": "the OpenFX tool in a Fusion composition (nothing is rendered)",
}

DEFAULTS = {
    "executable": "",  # where vstab is; empty: the one that installed the scripts
    "result": "take",
    "folder": "",  # where rendered files and analyses go; empty: beside the clip
    "codec": "",  # FFmpeg's encoder; empty: as the original
    "color": "",  # before 21.0.4, which do not tell the selection: the clip color that *Selected Clips* takes
    "parameters": {},  # name -> value, as `vstab params` lists them
}
PATHS = {"folder": "Folder of results", "executable": "Command vstab"}  # those that are paths -> label


def folder():
    """Return the folder of vstab's settings, as the OpenFX plug-in has it."""
    if sys.platform == "win32":
        base = os.environ.get("APPDATA", os.path.expanduser("~"))
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Application Support")
    else:
        base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return os.path.join(base, "vstab")


def path():
    """Return the settings file."""
    return os.path.join(folder(), "resolve.json")


def load():
    """Return the settings, defaults where the file says nothing.

    Raises:
        Refused: the file is damaged, or a value means nothing.
    """
    stored = {}
    if os.path.exists(path()):
        try:
            with open(path(), encoding="utf-8-sig") as file:  # some editors write a mark of byte order
                stored = json.load(file)
        except (OSError, ValueError) as error:
            why = "cannot be read ({}; a backslash in a path must be doubled, or be a /)".format(error)
            raise _wrong(why) from error
    if not isinstance(stored, dict):
        raise _wrong("does not hold settings")
    for name, value in stored.items():
        if name not in DEFAULTS:
            raise _wrong("has an unknown name '{}'; there are: {}".format(name, ", ".join(DEFAULTS)))
        if not isinstance(value, type(DEFAULTS[name])):
            raise _wrong("must give {} as {}".format(name, "text" if name != "parameters" else "names and values"))
    settings = dict(DEFAULTS, **stored)
    if settings["result"] not in RESULTS:
        raise _wrong("must give result as one of {}; got '{}'".format(", ".join(RESULTS), settings["result"]))
    try:
        for name in PATHS:
            settings[name] = full_path(name, settings[name])
    except Refused as refused:
        raise _wrong("cannot be used: {}".format(refused)) from refused
    return settings


def full_path(name, text):
    """Return a path as the user means it, "" for none.

    Raises:
        Refused: it is not a full one; another would begin where Resolve happens to stand.
    """
    text = os.path.expanduser(text.strip())
    if any(character < " " for character in text):  # "D:\renders" in JSON holds a carriage return
        raise Refused("{} must be a path with / or \\\\ in the place of each \\; got {!r}".format(name, text))
    if text and not os.path.isabs(text):
        raise Refused("{} must be a full path; got '{}'".format(name, text))
    return text and os.path.normpath(text)  # one kind of slash, as Resolve tells paths


def save(settings):
    """Write the settings as a whole."""
    os.makedirs(folder(), exist_ok=True)
    partial = path() + ".partial"
    with open(partial, "w", encoding="utf-8") as file:
        json.dump(settings, file, indent=1, sort_keys=True)
        file.write("\n")
    os.replace(partial, path())


def _wrong(what):
    return Refused("the settings file '{}' {}; correct it, or delete it".format(path(), what))

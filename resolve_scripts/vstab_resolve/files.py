"""Where results and analyses are written, and how Resolve and vstab name an image sequence."""

import hashlib
import os
import re

from .refused import Refused

# What vstab can write; other clips (.mpg, .wmv, .braw) give a .mov, which holds nearly every codec.
CONTAINERS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mxf", ".ts", ".mts", ".m2ts", ".nut", ".3gp")
SEQUENCES = (".exr", ".dpx")

_NUMBERS = re.compile(r"^(.*)\[(\d+)-(\d+)\](\.[^.]+)$")  # plate.[1001-1024].exr, as Resolve writes it

# Parameters that an analysis depends on: clips are analyzed again for another value.
_OF_ANALYSIS = ("projection", "stereo", "method", "stabnet_weights", "input_space", "ocio", "fps")


class Source:
    """A clip's file as Resolve names it.

    Attributes:
        path: as vstab takes it: the file, or `plate.%04d.exr`.
        first_file: one that is there if the clip is.
        numbers: (first, last) of an image sequence, else None.
    """

    def __init__(self, resolves_path):
        match = _NUMBERS.match(resolves_path)
        self.numbers = None
        self.path = self.first_file = resolves_path
        if match is None or os.path.isfile(resolves_path):  # a movie may be called take[1-3].mov
            return
        stem, first, last, ending = match.groups()
        if ending.lower() not in SEQUENCES:
            raise Refused(
                "'{}' is a sequence of {} files; vstab reads sequences of OpenEXR and DPX. Render it to a movie "
                "first".format(os.path.basename(resolves_path), ending)
            )
        self.path = "{}%0{}d{}".format(stem, len(first), ending)
        self.first_file = stem + first + ending
        self.numbers = (int(first), int(last))

    def result(self, folder, codec=""):
        """Return a free name for the stabilized version; a movie with a codec of its own is a .mov."""
        name = os.path.basename(self.path)
        folder = folder or os.path.dirname(self.path)
        number = 1
        while True:
            tail = "_stabilized" if number == 1 else "_stabilized-{}".format(number)
            if self.numbers is None:
                stem, ending = os.path.splitext(name)
                ending = ending if ending.lower() in CONTAINERS and not codec else ".mov"
                path = lies = os.path.join(folder, stem + tail + ending)
            else:  # a folder of its own: two sequences in one folder are one in the eyes of Resolve's browser
                lies = os.path.join(folder, name.rpartition("%")[0].rstrip("._- ") + tail)
                path = os.path.join(lies, name)
            if not os.path.lexists(lies):
                return path
            number += 1

    def analysis(self, folder, parameters, is_360):
        """Return the name of the sidecar that holds the analysis; clips of one file share it."""
        words = [_word(parameters[name]) for name in _OF_ANALYSIS if parameters.get(name, "auto") != "auto"]
        if parameters.get("model") == "rotation":  # decided while the clip is analyzed
            words.append("rotation")
        if is_360:  # the user says so, whatever the file says
            words.append("360")
        if folder:  # there, clips of different folders may have one name
            words.insert(0, hashlib.sha256(os.fsencode(os.path.abspath(self.path))).hexdigest()[:6])
        name = os.path.basename(self.path).replace("%", "")
        return os.path.join(folder or os.path.dirname(self.path), ".".join([name] + words + ["vstab"]))

    def state(self):
        """Return what tells whether the file is still the same: size and time of its first file."""
        found = os.stat(self.first_file)
        return [found.st_size, int(found.st_mtime)]


def _word(value):
    """Return a value as a part of a file name: rates, color spaces and paths hold slashes."""
    return re.sub(r"[^\w.]+", "-", str(value)).strip("-.")[-40:]

"""The media pool: the bin "vstab", and what a stabilized file takes over from its original."""

from . import api, record
from .files import Source
from .refused import Refused

BIN = "vstab"

# Clip attributes that change how a file is read or shown; a rendered file without them would look or play differently.
_ATTRIBUTES = ("Data Level", "Input Color Space", "Input Gamma", "Alpha mode", "Start TC")


def find(host, fields):
    """Return the media pool item in the bin that was made of the same file with the same parameters, or None."""
    folder = _bin(host.project().GetMediaPool())
    for media in api.listed(folder.GetClipList()) if folder is not None else ():
        stored = record.read(host, media)
        if stored is not None and all(stored.get(name) == value for name, value in fields.items()):
            return media
    return None


def bring_in(host, path, clip, fields):
    """Import a stabilized file into the bin, as like the original as can be, and return its media pool item.

    Raises:
        Refused: Resolve does not import it, or as another clip than the original is.
    """
    pool = host.project().GetMediaPool()
    folder = _bin(pool) or pool.AddSubFolder(pool.GetRootFolder(), BIN)
    if folder is None:
        raise Refused("Resolve does not make the bin '{}' in the media pool; make it, then run again".format(BIN))
    before = pool.GetCurrentFolder()
    pool.SetCurrentFolder(folder)
    try:
        # a file that is in the pool already, rendered again after it was deleted from the disk, may not come twice
        items = host.import_media(pool, path, clip.source.numbers) or _there(folder, path)
    finally:
        if before is not None:
            pool.SetCurrentFolder(before)
    if not items or items[0] is None:
        raise Refused(
            "Resolve does not import '{}'; it may not know this kind of file (the free edition knows fewer). Close "
            "open dialogues and try again, or import it by hand".format(path)
        )
    media = items[0]
    try:
        _make_alike(host, media, clip)
        if not record.write(host, media, fields):
            raise Refused("Resolve keeps no note on '{}'; save the project and try again".format(path))
    except Exception:
        pool.DeleteClips([media])
        raise
    return media


def _bin(pool):
    for folder in api.listed(pool.GetRootFolder().GetSubFolderList()):
        if folder.GetName() == BIN:
            return folder
    return None


def _there(folder, path):
    """Return the items of the bin that show a file."""
    named = [(media, (media.GetClipProperty() or {}).get("File Path")) for media in api.listed(folder.GetClipList())]
    return [media for media, named in named if named and Source(named).path == path]


def _make_alike(host, media, clip):
    values, wanted = media.GetClipProperty() or {}, clip.values
    if api.exact_rate(values.get("FPS")) != clip.rate:  # the user has changed it in Clip Attributes
        media.SetClipProperty("FPS", "{:g}".format(round(float(clip.rate), 3)))  # as Resolve writes it
    for name in _ATTRIBUTES:
        if wanted.get(name) and wanted[name] != values.get(name):
            media.SetClipProperty(name, wanted[name])
    values = media.GetClipProperty() or {}
    if api.exact_rate(values.get("FPS")) != clip.rate:
        raise Refused(
            "Resolve reads the stabilized file of '{}' at {} frames a second and the original at {}; set the original "
            "back in Clip Attributes".format(clip.name, values.get("FPS"), wanted["FPS"])
        )
    if not clip.is_subclip and str(values.get("Frames")) != str(wanted.get("Frames")):
        raise Refused(
            "the stabilized file of '{}' has {} frames and the original {}; a clip on the timeline would show other "
            "frames. Has the file changed since it was imported?".format(
                clip.name, values.get("Frames"), wanted.get("Frames")
            )
        )
    metadata = clip.media.GetMetadata()
    if isinstance(metadata, dict) and metadata:
        media.SetMetadata(metadata)
    color = clip.media.GetClipColor()
    if color:
        media.SetClipColor(color)
    if not clip.is_subclip:
        host.copy_marks(clip.media, media)

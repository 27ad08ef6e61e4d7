"""What a stabilized file in the media pool remembers: third-party metadata, saved with the project.

Fields of a record:
    source: the original's file as vstab takes it; state: its size and time; rate: frames a second, as text.
    parameters: name -> value; is_360; codec.
"""

import json

KEY = "vstab"
VERSION = 1


def read(host, media):
    """Return a media pool item's record; None where it is not ours, or of another version."""
    text = host.note(media, KEY) if media is not None else None
    try:
        stored = json.loads(text) if text else None
    except (ValueError, TypeError):
        return None
    return stored if isinstance(stored, dict) and stored.get("version") == VERSION else None


def write(host, media, fields):
    """Store a record; whether Resolve did."""
    return host.set_note(media, KEY, json.dumps(dict(fields, version=VERSION), sort_keys=True))

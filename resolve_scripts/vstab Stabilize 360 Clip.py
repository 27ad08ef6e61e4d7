"""Workspace > Scripts > vstab Stabilize 360 Clip: the clip under the playhead, as a 360 clip."""

import sys

sys.path.insert(0, "@LIBRARY@")  # `vstab doctor --install-resolve` writes the folder

import vstab_resolve.menu

vstab_resolve.menu.run("stabilize 360", globals())

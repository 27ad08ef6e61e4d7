"""Workspace > Scripts > vstab Stabilize Clip: the clip under the playhead."""

import sys

sys.path.insert(0, "@LIBRARY@")  # `vstab doctor --install-resolve` writes the folder

import vstab_resolve.menu

vstab_resolve.menu.run("stabilize", globals())

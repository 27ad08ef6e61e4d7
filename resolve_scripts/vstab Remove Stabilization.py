"""Workspace > Scripts > vstab Remove Stabilization: show the original of the clip under the playhead again."""

import sys

sys.path.insert(0, "@LIBRARY@")  # `vstab doctor --install-resolve` writes the folder

import vstab_resolve.menu

vstab_resolve.menu.run("remove", globals())

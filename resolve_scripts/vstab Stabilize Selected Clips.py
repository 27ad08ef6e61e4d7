"""Workspace > Scripts > vstab Stabilize Selected Clips: the selected clips, each file once."""

import sys

sys.path.insert(0, "@LIBRARY@")  # `vstab doctor --install-resolve` writes the folder

import vstab_resolve.menu

vstab_resolve.menu.run("stabilize selected", globals())

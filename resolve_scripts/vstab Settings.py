"""Workspace > Scripts > vstab Settings: what becomes of a clip, and vstab's parameters."""

import sys

sys.path.insert(0, "@LIBRARY@")  # `vstab doctor --install-resolve` writes the folder

import vstab_resolve.menu

vstab_resolve.menu.run("settings", globals())

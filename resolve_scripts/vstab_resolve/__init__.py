"""What the menu scripts of DaVinci Resolve share. Standard library of Python 3.6 to 3.14, and nothing of vstab itself.

Resolve loads this into whatever Python it has, so: no annotations, dataclasses or newer syntax, and `vstab` is a child.
"""

"""Menu scripts for DaVinci Resolve, their installer, and `python -m resolve_scripts` for use from outside."""

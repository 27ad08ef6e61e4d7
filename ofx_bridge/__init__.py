"""The OpenFX plug-in (C++ on the native core) and what Python does for it: its parameters' table, its installation."""

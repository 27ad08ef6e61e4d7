"""The parts of the `vstab` command; `vstab_core.cli` puts them together. None of them imports NumPy, PyAV or OpenCV
when it is imported, so that `vstab --help` answers at once."""

"""What `vstab doctor --install-resolve` writes into the installed copy of this file."""

EXECUTABLE = "@EXECUTABLE@"

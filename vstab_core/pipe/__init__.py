"""`vstab pipe`: NUT in, NUT out, in one pass between two programs. `docs/pipe.md` is the user's page."""

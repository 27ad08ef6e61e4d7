"""Image sequences: one file a frame, `shot.%04d.exr`. `docs/sequences.md` says what is kept and why."""

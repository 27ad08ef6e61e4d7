"""Path smoothing: CameraMotion in, WarpTrack out."""

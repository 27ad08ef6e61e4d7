"""Motion estimation: frames or tracks in, CameraMotion out."""

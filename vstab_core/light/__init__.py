"""What code values mean as light: colour spaces, transfer curves, the tracker's view, resampling in linear light."""

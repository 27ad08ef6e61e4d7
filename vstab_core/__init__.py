"""vstab: shaky footage in, steady footage out."""

"""Judge a stabilized clip from its pixels: figures, comparison video, report, pictures of what was tracked."""

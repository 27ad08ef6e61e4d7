"""A video of the original beside the stabilized clip."""

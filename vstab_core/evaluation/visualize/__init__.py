"""Pictures of what the stages see: features, tracks, flow, and the background mask."""

"""`vstab train`: how the networks of `models` are made. Nothing that stabilizes imports this package."""

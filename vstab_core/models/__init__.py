"""The networks: one a file, each with `ARCHITECTURE` and `build()`; their weights; `load.py` joins the two.

The files of the networks import torch, and are themselves imported only where one is trained or run by torch.
"""

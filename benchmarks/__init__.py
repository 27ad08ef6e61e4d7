"""What the figures in the README come from: quality, speed and memory, judged from outside the product."""

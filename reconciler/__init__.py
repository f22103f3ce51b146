"""Plan and apply Chainguard Custom Assembly from one manifest."""

__version__ = "0.1.0"

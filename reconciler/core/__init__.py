"""Pure values and functions: overlays, their difference, plans, outcomes, builds.

Nothing here reads a clock, a file, the network or the environment; everything is frozen and compared by meaning.
"""

"""How fast the product is, as whole processes beside others that do the like: `make bench`.

Holds the load generator, its data, the peers, the clockwork and one module for each group of figures. Nothing here is a
test: a figure that misses its goal is printed, never an error.
"""

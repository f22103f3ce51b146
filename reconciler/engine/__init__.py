"""Plans carried out: reading live state, writing what was approved, following the builds.

The engine speaks core values and emits events. It holds no sentences, prints nothing and asks nothing.
"""

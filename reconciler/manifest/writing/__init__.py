"""The way back: manifests made from core values, laid out, and edited in place without losing what people wrote.

Holds text and positions in it; what is valid is decided by the reading side, which every result is read with before it
is kept. Knows nothing of the API.
"""

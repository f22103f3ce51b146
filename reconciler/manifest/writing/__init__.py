"""Manifest text: made from live state, formatted, and edited in place without losing what people wrote.

`importer` writes live state as manifests, `updater` changes those that are there, `format` lays files out. Every result
is read by `manifest.load` before it is kept.
"""

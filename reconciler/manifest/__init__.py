"""The manifest: YAML files in, the desired state out, with every problem at its line and column.

Holds the file format and its reading; knows nothing of the API and decides nothing about what to change.
"""

from reconciler.manifest.loading import load

__all__ = ["load"]

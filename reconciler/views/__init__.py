"""Output for people and programs: documents made from core values, and one module for each format.

Ordering, counting, grouping and hiding of secrets happen once, in the documents. Nothing here reads a clock, a network
or a file, except the style and the script of pages; a progress sink writes to its stream, everything else returns text.
"""

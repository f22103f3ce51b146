"""Output for people and programs: documents made from core values, and one module for each format.

Ordering, counting, grouping and hiding of secrets happen once, in the documents. Nothing here reads a clock, a network
or a file, save the style and the script of pages, which stand beside them; a progress sink writes to the stream that it
is handed, everything else returns text.
"""

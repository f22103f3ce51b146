"""What a person or a program gets to see: documents made from core values, and one module for each format.

Ordering, counting, grouping and hiding of secrets happen once, in the documents. Nothing here reads a clock, a file or
the network; a progress sink writes to the stream that it is handed, everything else returns text.
"""

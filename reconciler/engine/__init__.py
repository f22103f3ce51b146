"""Engine: read the live state, write an approved plan, follow the builds.

Takes and returns core values and emits events. It has no messages, prints nothing and prompts for nothing.
"""

"""The soak: many repositories written and followed through the whole program while the emulator misbehaves at random.

`clock` is the time that it all happens in, `world` the repositories and what is wanted of them, `storm` what goes
wrong, `verdict` what must hold afterwards, `course` one soak from beginning to end, `page` its figures for people.
"""

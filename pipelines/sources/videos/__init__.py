"""Video files: what is taken of them (frames, sound, timed text), and the limits of it."""

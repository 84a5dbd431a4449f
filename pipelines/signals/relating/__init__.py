"""Signals that say what a sample is to something else: a list of words, centroids, target images, the other samples."""

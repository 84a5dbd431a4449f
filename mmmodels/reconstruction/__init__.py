"""Pretraining by hiding a part of a sample: its pixels, its spectrogram, its words, or what a teacher makes of them."""

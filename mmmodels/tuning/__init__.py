"""Fine-tuning: what of a model learns, from how many labels, and what of it has to be stored."""

"""What the tasks' models are worth on real samples that no step trained on, beside what the project asks of them."""

"""A package, because an installed one of the same name would stand before a plain folder."""

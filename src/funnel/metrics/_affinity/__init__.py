"""Products bought together, products bought after one another, and next offers."""

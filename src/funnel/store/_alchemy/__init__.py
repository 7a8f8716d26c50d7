"""A store's tables by SQLAlchemy Core; nothing else in the library imports SQLAlchemy."""

"""The tables of a store in SQLAlchemy Core; no other part of the library imports SQLAlchemy."""

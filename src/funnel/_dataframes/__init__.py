"""Dataframes of every engine: the adapter, computation, repeated rows, and blocks of rows in numpy."""

"""Shop exports become records: one small file a format, each with a declared mapping and an exact account."""

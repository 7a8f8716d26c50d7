"""A shop on Django's ORM, without oscar: saving an order writes it into the store."""

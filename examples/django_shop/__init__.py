"""A shop on Django's ORM, without oscar: saving an order of its own feeds the funnel."""

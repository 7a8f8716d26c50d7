"""A shop with django-oscar whose own signals feed the funnel."""

"""A shop with django-oscar whose own signals write its orders into the store."""

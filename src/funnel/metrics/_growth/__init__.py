"""Five ways to grow: leads, conversion, transactions, average sale and margin."""

"""Write the SQL of some rules in every dialect to `snapshots.json`: `python -m tests.sql.snapshots`."""

from __future__ import annotations

import json

from tests.specimens import POLICY
from tests.sql.test_sql import EVERY_RULE, EXAMPLES, SNAPSHOTS
from tests.sql.warehouse import WAREHOUSES

if __name__ == "__main__":
    queries = {
        f"{name} {dialect}": EVERY_RULE[name].sql(POLICY, dialect=dialect).splitlines()
        for name in EXAMPLES
        for dialect in WAREHOUSES
    }
    SNAPSHOTS.write_text(json.dumps(queries, indent=1) + "\n")

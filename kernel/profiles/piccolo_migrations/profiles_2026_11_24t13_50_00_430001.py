"""What a product costs the shop, and the discount codes of an order."""

from kernel.db.migrate import sql_migration

ID = "2026-11-24T13:50:00:430001"
DESCRIPTION = "cost of products, discount codes of orders"

SQL = """
ALTER TABLE profiles_product ADD COLUMN cost numeric(14,2) CHECK (cost >= 0);
ALTER TABLE profiles_order ADD COLUMN discount_codes text NOT NULL DEFAULT '';
"""

forwards = sql_migration(ID, "profiles", DESCRIPTION, SQL)

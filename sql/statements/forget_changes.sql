-- Removes some changes. Without its alias MariaDB does not find the table.
-- rows: (sku, version)
DELETE forgotten FROM (
    WITH old (sku, version) AS (VALUES {rows}) SELECT sku, version FROM old
) AS old
STRAIGHT_JOIN stock_version AS forgotten FORCE INDEX (PRIMARY)
    ON forgotten.sku = old.sku AND forgotten.version = old.version

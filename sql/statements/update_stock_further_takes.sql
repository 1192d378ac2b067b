-- What some SKUs give beyond update_stock_equal_takes.sql, which has locked their rows, looked at the terms of sale,
-- and raised the version. MariaDB is not sent this.
-- rows: (sku, units)
UPDATE (
    WITH planned (sku, units) AS (VALUES {rows})
    SELECT * FROM planned
) AS planned
STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = planned.sku
SET stock.available = stock.available - planned.units
WHERE stock.available >= planned.units

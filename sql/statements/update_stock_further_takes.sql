-- What some SKUs give beyond the statement before, which has locked their rows, looked at the terms of sale, and
-- raised the version.
-- rows: (sku, units)
UPDATE (
    WITH planned (sku, units) AS (VALUES {rows})
    SELECT * FROM planned
) AS planned
STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = planned.sku
SET stock.available = stock.available - planned.units
WHERE stock.available >= planned.units

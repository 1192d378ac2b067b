-- Unpins SKUs. Without its alias MariaDB does not find the table.
-- rows: (sku)
DELETE pinned FROM (
    WITH asked (sku) AS (VALUES {rows}) SELECT * FROM asked
) AS asked
STRAIGHT_JOIN pinned_sku AS pinned FORCE INDEX (PRIMARY) ON pinned.sku = asked.sku

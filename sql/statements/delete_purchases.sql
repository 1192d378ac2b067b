-- What buyers gave back, or held for too long. Without its alias MariaDB does not find the table.
-- rows: (sku, buyer, order_id)
DELETE given FROM (
    WITH planned (sku, buyer, order_id) AS (VALUES {rows}) SELECT * FROM planned
) AS planned
STRAIGHT_JOIN purchase AS given FORCE INDEX (PRIMARY)
    ON given.sku = planned.sku
    AND given.buyer = planned.buyer
    AND given.order_id = planned.order_id

-- Locks the stock rows of a plan in SKU order; the row list drives the join, so no other row is locked.
-- rows: (sku)
WITH planned (sku) AS (VALUES {rows})
SELECT stock.sku, stock.available
FROM planned STRAIGHT_JOIN stock ON stock.sku = planned.sku
FOR UPDATE

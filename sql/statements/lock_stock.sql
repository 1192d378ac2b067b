-- Locks the stock rows of a plan in SKU order. The row list drives the join and the index is forced, as
-- in the update, so no other row is locked.
-- rows: (sku)
WITH planned (sku) AS (VALUES {rows})
SELECT stock.sku, stock.available
FROM planned STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = planned.sku
FOR UPDATE

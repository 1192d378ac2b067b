-- Locks the stock rows of a plan in SKU order. The row list drives the join and the index is forced, as
-- in the update, so no other row is locked. SYSDATE tells the time after a lock was waited for; NOW tells
-- that before.
-- rows: (sku)
WITH planned (sku) AS (VALUES {rows})
SELECT
    stock.sku, stock.available, stock.held, stock.purchase_limit,
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', stock.sale_starts_at),
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', stock.sale_ends_at),
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', SYSDATE(6)), stock.version
FROM planned STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = planned.sku
FOR UPDATE

-- Applies the totals of a flush, one row a SKU, in SKU order. STRAIGHT_JOIN makes the row list drive
-- the join, and FORCE INDEX keeps the server from scanning a table that is small or that it believes
-- to be: stock rows are looked up, and locked, one by one by primary key. A SKU that is unknown, has
-- too little, or would pass the ceiling is not matched, and the flush is rolled back.
-- rows: (sku, delta, need, room): change, least and most `available` at which it may be made
UPDATE (
    WITH planned (sku, delta, need, room) AS (VALUES {rows}) SELECT * FROM planned
) AS planned
STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = planned.sku
SET stock.available = stock.available + planned.delta, stock.version = stock.version + 1
WHERE stock.available >= planned.need AND stock.available <= planned.room

-- Applies the totals of a flush, one row a SKU, in SKU order. STRAIGHT_JOIN makes the row list drive
-- the join, and FORCE INDEX keeps the server from scanning a table that is small or that it believes
-- to be: stock rows are looked up, and locked, one by one by primary key. A SKU that is unknown, has
-- too little, would pass the ceiling, or has terms of sale by which orders have to be decided one by one
-- is not matched, and the flush is rolled back. Neither is one whose holds end before the lock is had, which
-- SYSDATE tells and NOW does not: a decision of another process may have counted them out meanwhile.
-- rows: (sku, delta, held, need, room, held_need, on_terms, until): changes, least and most `available` and
-- least `held` at which they may be made, whether the terms of sale matter, and the first end of a hold that is
-- confirmed, in microseconds since 1970
UPDATE (
    WITH planned (sku, delta, held, need, room, held_need, on_terms, until) AS (VALUES {rows})
    SELECT * FROM planned
) AS planned
STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = planned.sku
SET
    stock.available = stock.available + planned.delta,
    stock.held = stock.held + planned.held,
    stock.held_changes = stock.held_changes + planned.held,
    stock.version = stock.version + 1
WHERE stock.available >= planned.need AND stock.available <= planned.room
    AND stock.held >= planned.held_need
    AND (
        NOT planned.on_terms
        OR stock.purchase_limit IS NULL
        AND (stock.sale_starts_at IS NULL OR stock.sale_starts_at <= NOW(6))
        AND (stock.sale_ends_at IS NULL OR stock.sale_ends_at > NOW(6))
    )
    AND (
        planned.until IS NULL
        OR planned.until > TIMESTAMPDIFF(MICROSECOND, '1970-01-01', SYSDATE(6))
    )

-- The versions of the stock rows of a plan, without a lock. A flush of orders that will hardly fit reads them and
-- then what is known of its ids while the flush before it still has the lock. Once it has the lock itself and finds
-- the same versions, nothing of these SKUs was written meanwhile, so that what it read still holds. Both are read
-- in one message, and so on one server, in this order.
-- rows: (sku)
WITH planned (sku) AS (VALUES {rows})
SELECT stock.sku, stock.version
FROM planned STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = planned.sku

-- The next changes that are seen behind a place of the change feed, by their flushes. A movement is seen if, and only
-- if, its flush's rows here are: one transaction writes both.
SELECT flush_id, place
FROM stock_version FORCE INDEX (change_order)
WHERE place > {after}
ORDER BY place
LIMIT {limit}

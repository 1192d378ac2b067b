-- Flushes that are seen behind a place of the change feed. A movement is seen if, and only if, its flush's rows
-- here are: one transaction writes both.
SELECT DISTINCT flush_id FROM stock_version FORCE INDEX (change_order) WHERE place > {after}

-- The same as update_stock_takes.sql, without a join: the SKUs are ranges of the primary key in SKU order, whose rows
-- are changed as they are found; those of a join are noted first and looked up again. What each gives is told by
-- lists: what all give, and 1, 2, 4, … more for those of another list each. MariaDB is not sent this.
UPDATE stock FORCE INDEX (PRIMARY)
SET
    available = available - {units},
    version = version + 1
WHERE sku IN ({skus}) AND available >= {units}
    AND purchase_limit IS NULL
    AND (sale_starts_at IS NULL OR sale_starts_at <= NOW(6))
    AND (sale_ends_at IS NULL OR sale_ends_at > NOW(6))

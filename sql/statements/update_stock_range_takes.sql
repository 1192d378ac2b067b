-- The same as update_stock_takes.sql where all SKUs give the same number of units, or nearly all: what some give
-- beyond that, update_stock_further_takes.sql takes. The SKUs are ranges of the primary key in SKU order, whose rows
-- are changed as they are found; those of a join are noted first and looked up again. MariaDB is not sent this.
UPDATE stock FORCE INDEX (PRIMARY)
SET
    available = available - {units},
    version = version + 1
WHERE sku IN ({skus}) AND available >= {units}
    AND purchase_limit IS NULL
    AND (sale_starts_at IS NULL OR sale_starts_at <= NOW(6))
    AND (sale_ends_at IS NULL OR sale_ends_at > NOW(6))

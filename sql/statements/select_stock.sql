-- The stock of some SKUs.
-- rows: (sku)
WITH asked (sku) AS (VALUES {rows})
SELECT
    stock.sku, stock.available, stock.held, stock.version,
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) AS as_of
FROM asked STRAIGHT_JOIN stock FORCE INDEX (PRIMARY) ON stock.sku = asked.sku

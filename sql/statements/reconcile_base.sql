-- What was available before the oldest version of a SKU that is not forgotten: 0 if that is its first.
SELECT available - delta
FROM stock_version FORCE INDEX (PRIMARY)
WHERE sku = {sku}
ORDER BY version
LIMIT 1

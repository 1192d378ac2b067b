-- What a flush of few SKUs leaves, as a hint for the next one.
SELECT sku, available FROM stock WHERE sku IN ({skus})

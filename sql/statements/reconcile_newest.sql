-- The newest version of a SKU, whatever its stock row says.
SELECT MAX(version) FROM stock_version WHERE sku = {sku}

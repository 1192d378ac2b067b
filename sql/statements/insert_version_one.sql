-- The same for a flush of one SKU.
INSERT INTO stock_version (sku, version, flush_id, available, delta, orders)
SELECT sku, version, {flush_id}, available, {delta}, {orders} FROM stock WHERE sku = {sku}

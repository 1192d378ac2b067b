-- And the first version of its SKU.
INSERT INTO stock_version (sku, version, flush_id, available, delta, orders)
VALUES ({sku}, 1, 0, {available}, {available}, 1)

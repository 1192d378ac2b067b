-- Opens a SKU; error 1062 tells that it is open already.
INSERT INTO stock (sku, available, version) VALUES ({sku}, {available}, 1)

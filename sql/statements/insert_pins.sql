-- Pins SKUs; those that are pinned stay so, since when they were.
-- rows: (sku)
INSERT INTO pinned_sku (sku) VALUES {rows}
ON DUPLICATE KEY UPDATE sku = pinned_sku.sku

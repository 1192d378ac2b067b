-- Pins SKUs; those that are pinned stay so, since when they were.
-- rows: (sku)
INSERT INTO pinned_sku (sku)
WITH asked (sku) AS (VALUES {rows})
SELECT asked.sku FROM asked
LEFT JOIN pinned_sku AS pinned FORCE INDEX (PRIMARY) ON pinned.sku = asked.sku
WHERE pinned.sku IS NULL

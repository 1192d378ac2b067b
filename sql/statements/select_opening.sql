-- With how much a SKU was opened, and whether its stock row is there.
SELECT
    (SELECT delta FROM movement WHERE order_id = {sku} AND step = 'opening' AND line = 1) AS opening,
    EXISTS (SELECT 1 FROM stock WHERE sku = {sku}) AS present

-- With how much a SKU was opened.
SELECT delta FROM movement WHERE order_id = ? AND step = 'opening' AND line = 1

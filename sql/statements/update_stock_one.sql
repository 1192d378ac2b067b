-- The same for a flush of one SKU.
UPDATE stock
SET available = available + {delta}, version = version + 1
WHERE sku = {sku} AND available >= {need} AND available <= {room}

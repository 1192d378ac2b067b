-- The same for a flush of one SKU. LAST_INSERT_ID(…) hands what is left to the answer, and to the
-- statement after this one.
UPDATE stock
SET available = LAST_INSERT_ID(available + {delta}), version = version + 1
WHERE sku = {sku} AND available >= {need} AND available <= {room}

-- The same for a flush of one SKU. It fails (a column cannot be null) if the update before it matched no row, so that
-- an order that is alone can be committed in the same message: LAST_INSERT_ID() is what that update left, or else the
-- time that the movements have handed over, which is more than any stock can be (1,000,000,000,000,000).
INSERT INTO stock_version (sku, version, flush_id, available, delta, orders)
VALUES (
    {sku},
    IF(
        (SELECT id FROM change_gate WHERE id = 1 LOCK IN SHARE MODE) = 1,
        (SELECT version FROM stock WHERE sku = {sku} AND available = LAST_INSERT_ID()), NULL
    ),
    {flush_id}, LAST_INSERT_ID(), {delta}, {orders}
)

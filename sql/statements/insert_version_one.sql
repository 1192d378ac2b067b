-- The same for a flush of one SKU. It fails (a column cannot be null) if the update before it matched
-- no row, so that an order that is alone can be committed in the same message.
INSERT INTO stock_version (sku, version, flush_id, available, delta, orders)
VALUES (
    {sku},
    IF(
        ROW_COUNT() = 1 AND (SELECT id FROM change_gate WHERE id = 1 LOCK IN SHARE MODE) = 1,
        (SELECT version FROM stock WHERE sku = {sku}), NULL
    ),
    {flush_id}, LAST_INSERT_ID(), {delta}, {orders}
)

-- And the first version of its SKU.
INSERT INTO stock_version (sku, version, flush_id, available, delta, orders, epoch)
VALUES (
    {sku}, 1, 0, {available}, {available}, 1,
    (SELECT epoch FROM change_gate WHERE id = 1 LOCK IN SHARE MODE)
)

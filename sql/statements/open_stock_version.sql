-- And the first version of its SKU. Its number is that of the gate, which has to be locked.
INSERT INTO stock_version (sku, version, flush_id, available, delta, orders)
VALUES (
    {sku}, (SELECT id FROM change_gate WHERE id = 1 LOCK IN SHARE MODE), 0, {available}, {available}, 1
)

-- The opening stock is a movement like any other.
INSERT INTO movement (order_id, step, line, kind, sku, delta, flush_id)
VALUES ({sku}, 'opening', 1, 'opening', {sku}, {available}, 0)

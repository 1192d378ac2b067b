-- The same for an order that is alone: without the row list there is no temporary table to make.
INSERT INTO movement (order_id, step, line, kind, sku, delta, flush_id)
VALUES ({order_id}, 'take', 1, 'deduct', {sku}, {delta}, {flush_id})

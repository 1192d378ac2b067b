-- Waits until every flush that has got places has ended. New flushes wait behind it meanwhile, so the wait
-- is bounded: a transaction that is stuck must not hold up all orders.
{select_within} id FROM change_gate WHERE id = 1 FOR UPDATE

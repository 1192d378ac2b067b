-- Holds that are not settled, a row for each line, with the end of the hold. `overdue_s` is NULL while the hold
-- runs; afterwards the sweep gives the stock back within a second or so, so that more than a few seconds mean
-- that no process runs, or that the sweep cannot settle this one.
-- Cost: reads hold_deadline, which has the holds of one day at most, and looks each up by primary key. With a
-- condition on `due_at` only so much of it.
-- Example: SELECT order_id, sku, units, buyer, overdue_s FROM desk_open_holds WHERE due_at < UTC_TIMESTAMP(6) ORDER BY due_at LIMIT 100;
CREATE OR REPLACE SQL SECURITY INVOKER VIEW desk_open_holds AS
SELECT
    hold_deadline.due_at AS due_at,
    taken.order_id AS order_id,
    taken.line AS line,
    taken.sku AS sku,
    -taken.delta AS units,
    taken.buyer AS buyer,
    taken.created_at AS held_at,
    taken.expires_at AS expires_at,
    IF(
        taken.expires_at <= UTC_TIMESTAMP(6),
        TIMESTAMPDIFF(SECOND, taken.expires_at, UTC_TIMESTAMP(6)),
        NULL
    ) AS overdue_s
FROM hold_deadline
STRAIGHT_JOIN movement AS taken
    ON taken.order_id = hold_deadline.order_id AND taken.step = 'take' AND taken.kind = 'hold'
LEFT JOIN movement AS settled
    ON settled.order_id = taken.order_id AND settled.step = 'settle' AND settled.line = taken.line
WHERE settled.order_id IS NULL

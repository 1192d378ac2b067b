-- The next orders in the order of their ids, and which of them can be archived: those whose last step is older
-- than the lifetime and that are no open holds. A page of the primary key, whole orders at a time; locks nothing.
SELECT
    order_id,
    MAX(created_at) < NOW(6) - INTERVAL {days} DAY
    AND NOT (MAX(kind = 'hold') AND NOT MAX(step = 'settle'))
FROM movement FORCE INDEX (PRIMARY)
WHERE order_id > {after} AND step <> 'opening'
GROUP BY order_id
ORDER BY order_id
LIMIT {limit}

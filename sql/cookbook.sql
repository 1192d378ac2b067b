-- Twenty questions at three in the morning, and a query for each.
--
-- Replace the names in quotes, and leave them in quotes: a user variable in their place is of another character
-- set, is compared with every row, and reads the whole table. All times are UTC, whatever the session's time zone.
-- No query reads the ledger from end to end, and none locks anything. 17 is refused to those who lack the right
-- PROCESS, which sql/grants.sql leaves to you; to them 18 shows their own sessions only. The views are in sql/views, each with what it costs.

-- 1. What is the stock of a SKU, under which terms is it sold, and when did it change?
SELECT sku, available, held, version, purchase_limit, sale_starts_at, sale_ends_at, updated_at
FROM stock
WHERE sku = 'demo-ticket';

-- 2. Which SKUs are hottest right now?
SELECT sku, orders, flushes, orders_per_flush, delta, lowest_available, last_change_at
FROM desk_hot_now
ORDER BY orders DESC, sku
LIMIT 10;

-- 3. Which SKUs were hottest in the last hour?
SELECT sku, orders, flushes, orders_per_flush, delta, covered_from
FROM desk_hot_hour
ORDER BY orders DESC, sku
LIMIT 10;

-- 4. How well are orders merged, second by second?
SELECT second, flushes, row_updates, order_lines, skus_per_flush, orders_per_row, lines_per_flush
FROM desk_merging
ORDER BY second DESC
LIMIT 60;

-- 5. What happened to an order, or to an adjustment, and why?
SELECT happened_at, step, line, kind, sku, available_change, held_change, buyer, expires_at, reason
FROM desk_order_history
WHERE order_id = 'o-1'
ORDER BY happened_at, step, line;

-- 6. What is the state of an order now?
SELECT
    order_id,
    CASE kind
        WHEN 'hold' THEN 'held'
        WHEN 'expire' THEN 'expired'
        WHEN 'release' THEN 'cancelled'
        WHEN 'cancel' THEN 'cancelled'
        ELSE 'deducted'
    END AS state,
    happened_at AS since
FROM desk_order_history
WHERE order_id = 'o-1' AND step IN ('take', 'settle', 'retake', 'return') AND line = 1
ORDER BY happened_at DESC, FIELD(step, 'take', 'settle', 'retake', 'return') DESC
LIMIT 1;

-- 7. How did the stock of a SKU come to be what it is? Its last flushes, with the stock before and after each.
SELECT version, happened_at, available_before, delta, available, orders, outside, gap_ms
FROM desk_sku_history
WHERE sku = 'demo-ticket'
ORDER BY version DESC
LIMIT 20;

-- 8. Has somebody changed the stock of a SKU past hotrow since its last flush, and by how much? If the two versions
-- differ, that was changed, too.
SELECT
    stock.sku, stock.available, newest.available AS after_last_flush,
    stock.available - newest.available AS outside, stock.version, newest.version AS last_flush_version,
    newest.created_at AS last_flush_at, stock.updated_at
FROM stock
LEFT JOIN stock_version AS newest
    ON newest.sku = stock.sku
    AND newest.version = (SELECT MAX(version) FROM stock_version WHERE sku = 'demo-ticket')
WHERE stock.sku = 'demo-ticket';

-- 9. Of which SKUs is that so? Reads every row of stock and looks up two rows of stock_version for each. Without
-- `outside` the version was raised.
SELECT
    stock.sku, stock.available, stock.available - recorded.available AS outside,
    recorded.version IS NULL OR later.version IS NOT NULL AS version_changed, stock.updated_at
FROM stock
LEFT JOIN stock_version AS recorded FORCE INDEX (PRIMARY)
    ON recorded.sku = stock.sku AND recorded.version = stock.version
LEFT JOIN stock_version AS later FORCE INDEX (PRIMARY)
    ON later.sku = stock.sku AND later.version = stock.version + 1
WHERE NOT stock.available <=> recorded.available OR later.version IS NOT NULL
ORDER BY stock.sku
LIMIT 100;

-- 10. Which SKUs are sold out, or soon will be? Reads every row of stock.
SELECT sku, available, held, updated_at
FROM stock
WHERE available <= 10
ORDER BY available, sku
LIMIT 100;

-- 11. How fast does a SKU sell? Over its last 200 flushes.
SELECT
    COUNT(*) AS flushes,
    SUM(orders) AS orders,
    -SUM(delta) AS units,
    TIMESTAMPDIFF(MICROSECOND, MIN(created_at), MAX(created_at)) / 1000000 AS seconds,
    ROUND(SUM(orders) / NULLIF(TIMESTAMPDIFF(MICROSECOND, MIN(created_at), MAX(created_at)) / 1000000, 0))
        AS orders_per_second
FROM (
    SELECT orders, delta, created_at
    FROM stock_version
    WHERE sku = 'demo-ticket' AND flush_id <> 0
    ORDER BY version DESC
    LIMIT 200
) AS newest;

-- 12. Who holds units of a SKU, and until when?
SELECT order_id, units, buyer, held_at, expires_at, overdue_s
FROM desk_open_holds
WHERE sku = 'demo-ticket'
ORDER BY expires_at, order_id
LIMIT 100;

-- 13. Which holds are over and have not given their stock back?
SELECT order_id, sku, units, buyer, expires_at, overdue_s
FROM desk_open_holds
WHERE due_at < UTC_TIMESTAMP(6) AND overdue_s >= 5
ORDER BY due_at, order_id
LIMIT 100;

-- 14. What has a buyer of a SKU?
SELECT order_id, quantity, IF(expires_at IS NULL, 'bought', 'held') AS state, expires_at
FROM purchase
WHERE sku = 'demo-ticket' AND buyer = 'anna'
ORDER BY order_id;

-- 15. Which buyers are near the purchase limit of a SKU?
SELECT buyer, units, units_held, purchase_limit, units_left
FROM desk_buyers_near_limit
WHERE sku = 'demo-ticket'
ORDER BY units DESC, buyer
LIMIT 100;

-- 16. Which process has taken an order, and when was it started?
SELECT movement.order_id, movement.created_at AS taken_at, instance.id AS instance_id, instance.started_at
FROM movement
STRAIGHT_JOIN instance ON instance.id = movement.flush_id >> 40
WHERE movement.order_id = 'o-1' AND movement.step = 'take' AND movement.line = 1;

-- 17. Which transactions are open longest, and how many rows do they lock? KILL takes the session_id.
SELECT
    session.ID AS session_id, session.USER AS account, session.HOST AS client, session.COMMAND AS command,
    session.TIME AS seconds, trx.trx_state, trx.trx_started, trx.trx_rows_locked, trx.trx_rows_modified
FROM information_schema.INNODB_TRX AS trx
JOIN information_schema.PROCESSLIST AS session ON session.ID = trx.trx_mysql_thread_id
ORDER BY trx.trx_started
LIMIT 20;

-- 18. Who is connected to this database, and what do they do?
SELECT USER AS account, COMMAND AS command, STATE AS state, COUNT(*) AS sessions, MAX(TIME) AS longest_seconds
FROM information_schema.PROCESSLIST
WHERE DB = DATABASE()
GROUP BY USER, COMMAND, STATE
ORDER BY sessions DESC
LIMIT 50;

-- 19. How far behind the changes is the check of the cache? It goes on while a hotrow with Redis runs.
SELECT
    reconcile_task.position AS checked_up_to,
    newest.place AS newest_place,
    newest.place - reconcile_task.position AS places_behind,
    newest.created_at AS newest_at,
    reconcile_task.last_success AS checked_at
FROM reconcile_task
JOIN stock_version AS newest ON newest.place = (SELECT MAX(place) FROM stock_version)
WHERE reconcile_task.name = 'follow';

-- 20. How large are the tables?
SELECT table_name, row_estimate, data_mib, index_mib, total_mib, bytes_per_row
FROM desk_growth
ORDER BY total_mib DESC, table_name;

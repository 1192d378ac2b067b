//! What has to be true of the tables whatever happened, as queries that find what is not.

use super::database::Database;

/// Each finds the rows that break a promise.
const BROKEN: [(&str, &str); 8] = [
    (
        "what is carried is the sum of the archive",
        "SELECT CONCAT_WS(' ', sku, SUM(delta), SUM(held_delta), SUM(movements)) FROM ( \
             SELECT sku, delta, COALESCE(held_delta, 0) AS held_delta, 1 AS movements \
             FROM movement_archive \
             UNION ALL SELECT sku, -available, -held, -CAST(movements AS SIGNED) FROM movement_carried \
         ) AS moved GROUP BY sku \
         HAVING SUM(delta) <> 0 OR SUM(held_delta) <> 0 OR SUM(movements) <> 0",
    ),
    (
        "available is the sum of the movements",
        "SELECT CONCAT_WS(' ', stock.sku, available, SUM(delta)) FROM stock JOIN ( \
             SELECT sku, delta FROM movement UNION ALL SELECT sku, available FROM movement_carried \
         ) AS moved USING (sku) \
         GROUP BY stock.sku, available HAVING available <> SUM(delta)",
    ),
    (
        "held is the sum of the movements",
        "SELECT CONCAT_WS(' ', stock.sku, stock.held, SUM(held_delta)) FROM stock JOIN ( \
             SELECT sku, held_delta FROM movement UNION ALL SELECT sku, held FROM movement_carried \
         ) AS moved USING (sku) \
         GROUP BY stock.sku, stock.held HAVING stock.held <> COALESCE(SUM(held_delta), 0)",
    ),
    (
        "held is what is in open holds",
        "SELECT CONCAT_WS(' ', stock.sku, held, SUM(-taken.delta)) FROM stock \
         JOIN movement AS taken ON taken.sku = stock.sku AND taken.kind = 'hold' \
         LEFT JOIN movement AS settled ON settled.order_id = taken.order_id \
             AND settled.step = 'settle' AND settled.line = taken.line \
         GROUP BY stock.sku, held HAVING held <> SUM(IF(settled.order_id IS NULL, -taken.delta, 0))",
    ),
    (
        "an order goes its way step by step",
        "SELECT CONCAT_WS(' ', later.order_id, later.step, later.kind) FROM movement AS later \
         LEFT JOIN movement AS taken ON taken.order_id = later.order_id \
             AND taken.step = 'take' AND taken.line = later.line \
         LEFT JOIN movement AS settled ON settled.order_id = later.order_id \
             AND settled.step = 'settle' AND settled.line = later.line \
         LEFT JOIN movement AS again ON again.order_id = later.order_id \
             AND again.step = 'retake' AND again.line = later.line \
         WHERE later.step IN ('settle', 'retake', 'return') AND NOT COALESCE(CASE \
             WHEN later.kind IN ('confirm', 'release', 'expire') THEN taken.kind = 'hold' \
             WHEN later.step = 'settle' THEN later.kind = 'cancel' AND taken.kind = 'deduct' \
             WHEN later.step = 'retake' THEN later.kind = 'deduct' AND settled.kind = 'expire' \
             ELSE later.kind = 'cancel' AND (settled.kind = 'confirm' OR again.kind = 'deduct') \
             END, FALSE)",
    ),
    (
        "each step moves what was taken",
        "SELECT CONCAT_WS(' ', later.order_id, later.step, later.line) FROM movement AS later \
         JOIN movement AS taken ON taken.order_id = later.order_id \
             AND taken.step = 'take' AND taken.line = later.line \
         WHERE later.step IN ('settle', 'retake', 'return') \
             AND (later.sku <> taken.sku OR -taken.delta \
                 <> GREATEST(ABS(later.delta), ABS(COALESCE(later.held_delta, 0))))",
    ),
    (
        "the versions add up",
        "SELECT CONCAT_WS(' ', sku, available, since, version, kept) FROM ( \
             SELECT stock.sku, stock.available, stock.version, COUNT(*) AS kept, \
                 MIN(kept.version) AS first, SUM(kept.delta) AS since \
             FROM stock JOIN stock_version AS kept ON kept.sku = stock.sku \
             GROUP BY stock.sku, stock.available, stock.version) AS sums \
         WHERE version <> first + kept - 1 OR available <> since + ( \
             SELECT oldest.available - oldest.delta FROM stock_version AS oldest \
             WHERE oldest.sku = sums.sku AND oldest.version = sums.first)",
    ),
    (
        "buyers have what their orders say",
        "SELECT CONCAT_WS(' ', taken.order_id, purchase.quantity) FROM movement AS taken \
         LEFT JOIN purchase ON purchase.order_id = taken.order_id AND purchase.sku = taken.sku \
         JOIN (SELECT order_id, line, SUM(delta) AS delta FROM movement \
               WHERE step <> 'opening' GROUP BY order_id, line) AS sums \
             ON sums.order_id = taken.order_id AND sums.line = taken.line \
         WHERE taken.step = 'take' AND taken.buyer IS NOT NULL \
             AND -sums.delta <> COALESCE(purchase.quantity, 0)",
    ),
];

/// # Panics
/// When a promise is broken.
pub(crate) async fn audit(database: &Database) {
    for (promise, query) in BROKEN {
        let broken = database.lines(query).await;
        assert!(broken.is_empty(), "not so: {promise}: {broken:?}");
    }
}

-- What was given up. Once more adds its attempts.
INSERT INTO reconcile_failure (sku, reason, attempts) VALUES ({sku}, {reason}, {attempts})
ON DUPLICATE KEY UPDATE
    reason = {reason}, attempts = reconcile_failure.attempts + {attempts}, last_at = NOW(6)

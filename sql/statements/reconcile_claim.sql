-- The run that was due has begun; it is in the transaction that opens the run.
UPDATE reconcile_task
SET due_at = TIMESTAMP '1970-01-01 00:00:00' + INTERVAL {due_at} MICROSECOND, last_start = NOW(6)
WHERE name = 'schedule'

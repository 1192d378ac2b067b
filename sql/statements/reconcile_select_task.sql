-- What reconciliation does by itself, and how far it is. Times are in microseconds since 1970.
SELECT
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', due_at), position,
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)),
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', last_success)
FROM reconcile_task
WHERE name = {name}

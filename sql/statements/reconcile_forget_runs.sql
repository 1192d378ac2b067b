-- What nobody looks at any more.
DELETE FROM reconcile_drift
WHERE run <= (SELECT MAX(id) FROM reconcile_run WHERE started_at < NOW(6) - INTERVAL {days} DAY);
DELETE FROM reconcile_run WHERE started_at < NOW(6) - INTERVAL {days} DAY

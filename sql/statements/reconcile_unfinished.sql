-- The newest full run that has not ended. Whoever asks has the right to run, so nobody else works at it.
SELECT
    id, kind, dry_run, phase, position, skus, differences,
    started_at > NOW(6) - INTERVAL {hours} HOUR AS fresh,
    cache, cache_reason
FROM reconcile_run FORCE INDEX (PRIMARY)
WHERE state = 'running' AND kind <> 'follow'
ORDER BY id DESC
LIMIT 1

-- Runs that nobody will end: whoever does this has the right to run, or to follow.
UPDATE reconcile_run SET state = 'abandoned', ended_at = NOW(6)
WHERE state = 'running' AND (kind = 'follow') = {follow}

-- How far a run is.
UPDATE reconcile_run
SET
    phase = {phase}, position = {position}, skus = {skus}, differences = {differences},
    cache = {cache}, cache_reason = {cache_reason}, state = {state}, ended_at = IF({state} = 'running', NULL, NOW(6))
WHERE id = {run}

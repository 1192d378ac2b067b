-- A run by the schedule has got through.
UPDATE reconcile_task SET last_success = NOW(6) WHERE name = 'schedule'

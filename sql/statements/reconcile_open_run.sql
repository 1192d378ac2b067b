-- A run of reconciliation begins.
INSERT INTO reconcile_run (kind, dry_run, phase, cache)
VALUES ({kind}, {dry_run}, {phase}, IF({phase} = 'books', 'none', NULL))

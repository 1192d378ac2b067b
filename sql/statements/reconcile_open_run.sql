-- A run of reconciliation begins.
INSERT INTO reconcile_run (kind, dry_run, phase) VALUES ({kind}, {dry_run}, {phase})

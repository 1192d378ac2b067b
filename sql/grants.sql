-- What the accounts of sql/accounts.sql may do with which table. To be run by an administrator after
-- `hotrow migrate`, which makes the tables, and again after a migration that makes new ones; it can be run as often
-- as you like.

-- The engine. It ends only sessions of its own account, and names its locks by GET_LOCK: neither needs a right.
-- The ledger: written, never changed.
GRANT SELECT, INSERT ON hotrow.movement TO 'hotrow_engine'@'%';
GRANT SELECT, INSERT ON hotrow.stock_version TO 'hotrow_engine'@'%';
-- Stock is opened and changed, never deleted.
GRANT SELECT, INSERT, UPDATE ON hotrow.stock TO 'hotrow_engine'@'%';
-- The change feed: every flush locks its row; whoever looks for the end locks it for himself, which takes the
-- right to UPDATE.
GRANT SELECT, UPDATE ON hotrow.change_gate TO 'hotrow_engine'@'%';
-- What buyers have comes and goes, and so do the ends of holds.
GRANT SELECT, INSERT, UPDATE, DELETE ON hotrow.purchase TO 'hotrow_engine'@'%';
GRANT SELECT, INSERT, DELETE ON hotrow.hold_deadline TO 'hotrow_engine'@'%';
-- Each start takes a number.
GRANT INSERT ON hotrow.instance TO 'hotrow_engine'@'%';
-- The procedure for an order that is alone, which does with the tables what the account may do itself. A right to
-- it alone could not be given where it is missing.
GRANT EXECUTE ON hotrow.* TO 'hotrow_engine'@'%';
-- What has left the ledger can be read, and how long ids are known is recorded.
GRANT SELECT ON hotrow.movement_archive TO 'hotrow_engine'@'%';
GRANT SELECT, UPDATE ON hotrow.archive_state TO 'hotrow_engine'@'%';
-- What the read cache always has.
GRANT SELECT ON hotrow.pinned_sku TO 'hotrow_engine'@'%';
-- Reconciliation by its schedule, and along the change feed.
GRANT SELECT ON hotrow.movement_carried TO 'hotrow_engine'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON hotrow.reconcile_run TO 'hotrow_engine'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON hotrow.reconcile_drift TO 'hotrow_engine'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON hotrow.reconcile_failure TO 'hotrow_engine'@'%';
GRANT SELECT, INSERT, UPDATE ON hotrow.reconcile_task TO 'hotrow_engine'@'%';
-- The merge modes are read, and what they cost or would gain is written.
GRANT SELECT ON hotrow.merge_mode TO 'hotrow_engine'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON hotrow.merge_count TO 'hotrow_engine'@'%';
-- Whether the schema is that of the program.
GRANT SELECT ON hotrow._sqlx_migrations TO 'hotrow_engine'@'%';
GRANT SELECT ON hotrow.view_source TO 'hotrow_engine'@'%';

-- The archiver: moves ledger rows, and forgets old changes.
GRANT SELECT, DELETE ON hotrow.movement TO 'hotrow_archiver'@'%';
GRANT SELECT, INSERT ON hotrow.movement_archive TO 'hotrow_archiver'@'%';
GRANT SELECT, INSERT, UPDATE ON hotrow.movement_carried TO 'hotrow_archiver'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON hotrow.purchase TO 'hotrow_archiver'@'%';
GRANT SELECT, DELETE ON hotrow.stock_version TO 'hotrow_archiver'@'%';
GRANT SELECT, UPDATE ON hotrow.archive_state TO 'hotrow_archiver'@'%';

-- Whoever switches merging, by `hotrow merge-mode` or by SQL, and pins SKUs in the read cache, by `hotrow pin`.
GRANT SELECT, INSERT, UPDATE, DELETE ON hotrow.merge_mode TO 'hotrow_operator'@'%';
GRANT SELECT, INSERT, UPDATE, DELETE ON hotrow.pinned_sku TO 'hotrow_operator'@'%';

-- The reconciler: reads all, and notes what it finds.
GRANT SELECT ON hotrow.* TO 'hotrow_reconciler'@'%';
GRANT INSERT, UPDATE, DELETE ON hotrow.reconcile_run TO 'hotrow_reconciler'@'%';
GRANT INSERT, UPDATE, DELETE ON hotrow.reconcile_drift TO 'hotrow_reconciler'@'%';
GRANT INSERT, UPDATE, DELETE ON hotrow.reconcile_failure TO 'hotrow_reconciler'@'%';
GRANT INSERT, UPDATE ON hotrow.reconcile_task TO 'hotrow_reconciler'@'%';
-- It looks for the end of the change feed as the engine does.
GRANT UPDATE ON hotrow.change_gate TO 'hotrow_reconciler'@'%';
-- `hotrow reconcile --apply` writes an adjustment. Without these four it only finds.
GRANT INSERT ON hotrow.movement TO 'hotrow_reconciler'@'%';
GRANT UPDATE ON hotrow.stock TO 'hotrow_reconciler'@'%';
GRANT INSERT ON hotrow.stock_version TO 'hotrow_reconciler'@'%';
GRANT INSERT ON hotrow.instance TO 'hotrow_reconciler'@'%';

-- Readers. SHOW VIEW lets them see how a view is made.
GRANT SELECT, SHOW VIEW ON hotrow.* TO 'hotrow_reader'@'%';
-- Open transactions and the sessions of other accounts, which two answers of the cookbook need, are shown to
-- those with PROCESS only; with it everybody's running statements can be read. Decide for yourself:
-- GRANT PROCESS ON *.* TO 'hotrow_reader'@'%';

-- The accounts that hotrow works with, one for each task. To be run once by an administrator, before the first
-- `hotrow migrate`; what the accounts may do with single tables follows in sql/grants.sql.
--
-- Replace each {{…}} by a password of its own, in quotes. As long as one is left the script ends there with a
-- syntax error (1064), so that no account ever has a password from this file. For example:
--
--   sed -e "s/{{migrator_password}}/'…'/" … sql/accounts.sql | mysql -u root
--
-- The database is `hotrow` and the accounts may come from anywhere, with TLS: write other names and narrower
-- hosts where you have them. Leave REQUIRE SSL out only for clients that do not leave the machine.

-- Runs `hotrow migrate`: changes the schema, and nothing calls it while orders are taken.
CREATE USER IF NOT EXISTS 'hotrow_migrator'@'%' IDENTIFIED BY {{migrator_password}} REQUIRE SSL;
-- Runs `hotrow serve`.
CREATE USER IF NOT EXISTS 'hotrow_engine'@'%' IDENTIFIED BY {{engine_password}} REQUIRE SSL;
-- Runs `hotrow archive`.
CREATE USER IF NOT EXISTS 'hotrow_archiver'@'%' IDENTIFIED BY {{archiver_password}} REQUIRE SSL;
-- Runs `hotrow merge-mode`.
CREATE USER IF NOT EXISTS 'hotrow_operator'@'%' IDENTIFIED BY {{operator_password}} REQUIRE SSL;
-- Runs `hotrow reconcile`.
CREATE USER IF NOT EXISTS 'hotrow_reconciler'@'%' IDENTIFIED BY {{reconciler_password}} REQUIRE SSL;
-- For people and dashboards: the views, the cookbook, any SELECT.
CREATE USER IF NOT EXISTS 'hotrow_reader'@'%' IDENTIFIED BY {{reader_password}} REQUIRE SSL;

CREATE DATABASE IF NOT EXISTS hotrow;

-- CREATE and ALTER make the tables, CREATE VIEW and DROP make the views and make them again, CREATE ROUTINE makes the
-- procedure for an order that is alone; the rest is for the rows that a migration writes, and for its own table.
GRANT SELECT, INSERT, UPDATE, CREATE, ALTER, CREATE VIEW, DROP, CREATE ROUTINE ON hotrow.* TO 'hotrow_migrator'@'%';

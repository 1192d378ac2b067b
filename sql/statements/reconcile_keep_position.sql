-- Up to which place of the change feed everything was checked.
INSERT INTO reconcile_task (name, position, last_success) VALUES ('follow', {position}, NOW(6))
ON DUPLICATE KEY UPDATE position = {position}, last_success = NOW(6)

-- When runs are due. A schedule that is new begins now; one that changes goes on from its last run.
INSERT INTO reconcile_task (name, cron) VALUES ('schedule', {cron}) ON DUPLICATE KEY UPDATE cron = {cron}

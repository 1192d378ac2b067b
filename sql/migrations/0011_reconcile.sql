-- What reconciliation found and did. Nothing else reads these tables, and rows of runs that nobody needs any
-- more may be deleted at any time.
CREATE TABLE reconcile_run (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT
        COMMENT 'the number by which hotrow reconcile --apply names it',
    kind ENUM('full', 'scheduled', 'follow') NOT NULL
        COMMENT 'full: by hand; scheduled: by its schedule; follow: entries of the cache, while they change',
    dry_run BOOLEAN NOT NULL
        COMMENT 'whether it only reports',
    state ENUM('running', 'done', 'abandoned') NOT NULL DEFAULT 'running'
        COMMENT 'running without a process is taken up again by the next run, within a day',
    phase ENUM('cache', 'books') NOT NULL
        COMMENT 'cache: the cache against stock; books: stock against the ledger',
    position VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT ''
        COMMENT 'the last SKU with which the phase is through',
    skus BIGINT UNSIGNED NOT NULL DEFAULT 0
        COMMENT 'SKUs that were looked at, in both phases together',
    differences BIGINT UNSIGNED NOT NULL DEFAULT 0
        COMMENT 'differences that were found; the first of them are in reconcile_drift',
    started_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
        COMMENT 'UTC',
    ended_at DATETIME(6) NULL
        COMMENT 'UTC; NULL while it runs',
    PRIMARY KEY (id)
) ENGINE = InnoDB COMMENT = 'runs of reconciliation';

CREATE TABLE reconcile_drift (
    run BIGINT UNSIGNED NOT NULL
        COMMENT 'reconcile_run.id',
    number INT UNSIGNED NOT NULL
        COMMENT 'within the run, from 1',
    sku VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
        COMMENT 'where the difference is',
    class ENUM(
        'cache_behind', 'cache_ahead', 'cache_wrong', 'cache_missing',
        'ledger_drift', 'held_drift', 'changed_outside', 'order_state'
    ) NOT NULL
        COMMENT 'what kind of difference it is',
    expected VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL
        COMMENT 'what should be there, and by what',
    found VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL
        COMMENT 'what is there',
    version BIGINT UNSIGNED NOT NULL
        COMMENT 'stock.version at which it was found',
    amount BIGINT NOT NULL DEFAULT 0
        COMMENT 'units by which what was found is too high',
    mend TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL
        COMMENT 'the SQL that mends it, once, whenever it is run; NULL where the cache was repaired or SQL cannot know',
    found_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
        COMMENT 'UTC',
    mended_at DATETIME(6) NULL
        COMMENT 'when the cache was repaired or the mending SQL was run, UTC',
    PRIMARY KEY (run, number)
) ENGINE = InnoDB COMMENT = 'differences that reconciliation found';

CREATE TABLE reconcile_failure (
    sku VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
        COMMENT 'whose entry of the cache could not be checked or repaired',
    reason VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL
        COMMENT 'why not, the last time',
    attempts INT UNSIGNED NOT NULL
        COMMENT 'how often it was tried',
    first_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
        COMMENT 'when it was given up first, UTC',
    last_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)
        COMMENT 'when it was tried last, UTC',
    PRIMARY KEY (sku)
) ENGINE = InnoDB COMMENT = 'what reconciliation gave up; hotrow reconcile --retry-failures tries it again';

CREATE TABLE reconcile_task (
    name ENUM('schedule', 'follow') NOT NULL
        COMMENT 'schedule: runs by a cron expression; follow: entries of the cache, along the change feed',
    cron VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NULL
        COMMENT 'schedule: when runs are due, UTC',
    due_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
        COMMENT 'schedule: the newest due time that has got its run; before the first one, when the schedule was set; UTC',
    position BIGINT UNSIGNED NOT NULL DEFAULT 0
        COMMENT 'follow: the stock_version.place up to which everything was checked',
    last_start DATETIME(6) NULL
        COMMENT 'schedule: when the last run was begun, UTC',
    last_success DATETIME(6) NULL
        COMMENT 'when it last got through, UTC',
    PRIMARY KEY (name)
) ENGINE = InnoDB COMMENT = 'what reconciliation does by itself, and how far it is';

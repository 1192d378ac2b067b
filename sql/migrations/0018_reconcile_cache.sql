-- A run ends although the cache cannot be compared; so it has to be kept whether it was.
ALTER TABLE reconcile_run
    MODIFY COLUMN skus BIGINT UNSIGNED NOT NULL DEFAULT 0
        COMMENT 'SKUs whose books were compared',
    ADD COLUMN cache ENUM('none', 'compared', 'not compared') NULL
        COMMENT 'none: no cache was named; NULL until it is through with it, for kind follow, and for runs of earlier builds',
    ADD COLUMN cache_reason VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL
        COMMENT 'why the cache was not compared';

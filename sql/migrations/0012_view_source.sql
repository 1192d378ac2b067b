-- The views for DBAs are made again whenever a build brings others. A view forgets its comments, so that they are
-- kept here: SELECT source FROM view_source WHERE name = 'desk_hot_now' tells purpose, cost and an example.
CREATE TABLE view_source (
    name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL
        COMMENT 'the view',
    source TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL
        COMMENT 'purpose, cost, example and definition, as it was last made',
    applied_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
        COMMENT 'when that was, UTC',
    PRIMARY KEY (name)
) ENGINE = InnoDB COMMENT = 'what each view for DBAs was made from; without its row a view is made anew';

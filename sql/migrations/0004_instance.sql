-- Every start of a hotrow process takes a number here, so that no two ever name a flush alike.
CREATE TABLE instance (
    id INT UNSIGNED NOT NULL AUTO_INCREMENT
        COMMENT 'the upper 24 bits of the flush ids of this process',
    started_at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
        COMMENT 'when the process started, UTC',
    PRIMARY KEY (id)
) ENGINE = InnoDB COMMENT = 'starts of hotrow processes';

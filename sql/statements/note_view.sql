-- Notes what a view was made from.
INSERT INTO view_source (name, source) VALUES ({name}, {source})
ON DUPLICATE KEY UPDATE source = {source}, applied_at = CURRENT_TIMESTAMP(6)

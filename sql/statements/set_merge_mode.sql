-- Sets a merge mode, as long as no more than so many others are set.
INSERT INTO merge_mode (sku, mode)
SELECT {sku}, {mode}
FROM (SELECT COUNT(*) AS count FROM merge_mode WHERE sku <> '*' AND sku <> {sku}) AS others
WHERE others.count < {max} OR {sku} = '*'
ON DUPLICATE KEY UPDATE mode = {mode}

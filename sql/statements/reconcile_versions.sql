-- What the next versions of a SKU add up to, and the last of them.
SELECT CAST(SUM(delta) AS SIGNED), MAX(version)
FROM (
    SELECT delta, version
    FROM stock_version FORCE INDEX (PRIMARY)
    WHERE sku = {sku} AND version > {after} AND version <= {newest}
    ORDER BY version
    LIMIT {limit}
) AS page

-- What the archived movements of the next SKUs that have any add up to.
SELECT sku, available, held
FROM movement_carried FORCE INDEX (PRIMARY)
WHERE sku > {after}
ORDER BY sku
LIMIT {limit}

-- What the archived movements of the SKUs of a page add up to. Joined to it, each that has none would cost a lookup.
SELECT sku, available, held
FROM movement_carried FORCE INDEX (PRIMARY)
WHERE sku BETWEEN {first} AND {last}
ORDER BY sku

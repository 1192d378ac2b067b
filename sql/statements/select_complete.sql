-- Up to which place the change feed is complete, and the highest that is committed.
SELECT complete, (SELECT MAX(place) FROM stock_version) AS newest
FROM change_gate
WHERE id = 1

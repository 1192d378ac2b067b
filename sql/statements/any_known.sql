-- Ends select_known.sql where a flush asks for many ids, sorted: if the ledger has none from the first to the last of
-- them, which the server finds out while it plans, not one of them is looked up. So it is with the orders of a sale
-- that is over, as long as ids grow with time: they stand behind all that is recorded.
-- The least of an index is one look-up, whatever the statistics say; a range with LIMIT 1 could become a scan.
WHERE (SELECT MIN(order_id) FROM movement WHERE order_id BETWEEN {first} AND {last}) IS NOT NULL

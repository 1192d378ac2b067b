-- The highest place there is. Read under the lock of the gate, by a statement of its own, it is the end of what is
-- complete.
SELECT MAX(place) FROM stock_version

-- The highest place there is. A statement of its own: what is read here has to be read under the lock of the
-- gate.
SELECT MAX(place) INTO @newest FROM stock_version

-- Whether SYSDATE stands still within a statement, as NOW does, after a moment.
SELECT SLEEP(0.001), SYSDATE(6) = NOW(6)

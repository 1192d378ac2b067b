-- Lets one process at a time do this work on this database, until its connection closes. A lock's name has 64
-- characters at most and is known to the whole server.
SELECT GET_LOCK(CONCAT('hotrow ', {work}, ' ', LEFT(SHA2(DATABASE(), 224), 48)), 0) <=> 1

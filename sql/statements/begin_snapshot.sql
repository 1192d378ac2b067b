-- What follows sees one state of the database. Sessions of hotrow read the newest committed otherwise.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY

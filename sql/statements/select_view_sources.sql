-- What the views for DBAs were made from.
SELECT name, source FROM view_source

-- What the session really has; compared with what was set.
SELECT CONNECTION_ID(), VERSION(), @@session.sql_mode, @@session.time_zone, @@session.autocommit, @@global.max_allowed_packet

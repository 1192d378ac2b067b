-- A migration waits for tables and rows as long as the server lets everybody wait.
SET SESSION
    lock_wait_timeout = @@global.lock_wait_timeout,
    innodb_lock_wait_timeout = @@global.innodb_lock_wait_timeout

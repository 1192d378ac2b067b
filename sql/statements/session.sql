-- Set on every connection that writes, and relied on:
-- READ COMMITTED: no gap locks, and what is read after a lock was taken is what the lock protects.
-- Strict mode: a value that does not fit is an error, never cut to size.
-- Lock waits are short, so that a row or table locked by somebody else holds up nothing but itself,
-- and shorter than a step of a flush may take: see order_deadline_ms.
-- No limits on careless queries: sql_select_limit would cut what is read without a word.
-- NO_CHAIN: a commit neither begins another transaction nor ends the session.
-- A long list of SKUs stays a list of look-ups by primary key: MySQL would scan the table where the list takes more
-- memory than range_optimizer_max_mem_size allows. MariaDB, which skips the comment, has no such limit.
-- wait_timeout: a process that froze with a transaction open loses it after this many seconds.
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET SESSION
    sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',
    time_zone = '+00:00',
    autocommit = 1,
    completion_type = 'NO_CHAIN',
    sql_select_limit = 18446744073709551615,
    sql_big_selects = 1,
    sql_safe_updates = 0,
    /*!80000 range_optimizer_max_mem_size = 0, */
    innodb_lock_wait_timeout = 1,
    lock_wait_timeout = 1,
    wait_timeout = 60

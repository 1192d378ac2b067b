-- How large each table is. The figures are the server's estimates; MySQL renews its copy of them once a day, or at
-- once after SET SESSION information_schema_stats_expiry = 0.
-- Cost: reads the server's dictionary; no row of any table.
-- Example: SELECT table_name, row_estimate, total_mib, bytes_per_row FROM desk_growth ORDER BY total_mib DESC;
CREATE OR REPLACE SQL SECURITY INVOKER VIEW desk_growth AS
SELECT
    tables.TABLE_NAME AS table_name,
    tables.TABLE_ROWS AS row_estimate,
    ROUND(tables.DATA_LENGTH / 1048576, 1) AS data_mib,
    ROUND(tables.INDEX_LENGTH / 1048576, 1) AS index_mib,
    ROUND((tables.DATA_LENGTH + tables.INDEX_LENGTH) / 1048576, 1) AS total_mib,
    ROUND((tables.DATA_LENGTH + tables.INDEX_LENGTH) / GREATEST(tables.TABLE_ROWS, 1)) AS bytes_per_row
FROM information_schema.TABLES AS tables
WHERE tables.TABLE_SCHEMA = DATABASE() AND tables.TABLE_TYPE = 'BASE TABLE'

-- Attacks repeatability and privacy: clock, chance, versions, counters of the connection, the place of the file. It has to be refused, so that a grade is the same everywhere.
SELECT random()
SELECT abs(random()) % 10 FROM t
SELECT a FROM t ORDER BY random() LIMIT 1
SELECT a FROM t WHERE random() > 0
SELECT hex(randomblob(16))
SELECT a FROM t ORDER BY randomblob(4)
SELECT datetime('now')
SELECT date('now'), time('now'), julianday('now'), unixepoch('now'), strftime('%s', 'now')
SELECT date('NOW')
SELECT date()
SELECT datetime()
SELECT time(), julianday(), unixepoch()
SELECT strftime('%Y')
SELECT strftime('%Y-%m-%d %H:%M:%f', 'n' || 'ow')
SELECT date(CAST(x'6e6f77' AS TEXT))
SELECT date((SELECT 'now'))
SELECT timediff('now', '2024-01-01')
SELECT current_timestamp
SELECT current_date, current_time
SELECT CURRENT_TIMESTAMP FROM t GROUP BY CURRENT_DATE
SELECT a FROM t WHERE b < current_date
SELECT a FROM t WHERE b > date('now', '-30 days')
SELECT datetime('2024-01-01 12:00', 'localtime')
SELECT datetime('2024-01-01 12:00', 'utc')
SELECT strftime('%H', '2024-01-01 12:00', 'localtime') - 12
SELECT datetime('now', 'localtime', 'subsec')
SELECT sqlite_version()
SELECT sqlite_source_id()
SELECT sqlite_compileoption_used('ENABLE_FTS5')
SELECT sqlite_compileoption_get(0)
SELECT last_insert_rowid()
SELECT changes(), total_changes()
SELECT getenv('HOME')
SELECT current_user
SELECT user(), version(), database(), pg_sleep(10)
SELECT sleep(10)
SELECT file FROM pragma_database_list
SELECT filename FROM pragma_database_list
SELECT sqlite_offset(b) FROM t
SELECT * FROM sqlite_memstat
SELECT * FROM pragma_stats
SELECT uuid(), gen_random_uuid()

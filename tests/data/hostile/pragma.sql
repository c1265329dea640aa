-- Attacks the connection's settings by PRAGMA, as a statement and as a table: no setting may change, no limit may be lifted.
PRAGMA journal_mode = WAL
PRAGMA journal_mode = OFF
PRAGMA journal_mode
PRAGMA query_only = OFF
PRAGMA query_only = 0
PRAGMA main.query_only(false)
PRAGMA writable_schema = ON
PRAGMA writable_schema = RESET
PRAGMA trusted_schema = ON
PRAGMA temp_store = FILE
PRAGMA temp_store_directory = '/tmp'
PRAGMA data_store_directory = '/tmp'
PRAGMA hard_heap_limit = 0
PRAGMA soft_heap_limit = 0
PRAGMA soft_heap_limit(99999999999)
PRAGMA cache_size = 100000000
PRAGMA cache_size = -100000000
PRAGMA cache_spill = OFF
PRAGMA mmap_size = 1099511627776
PRAGMA page_size = 65536
PRAGMA max_page_count = 4294967294
PRAGMA threads = 64
PRAGMA busy_timeout = 2147483647
PRAGMA locking_mode = EXCLUSIVE
PRAGMA encoding = 'UTF-16'
PRAGMA case_sensitive_like = ON
PRAGMA reverse_unordered_selects = ON
PRAGMA automatic_index = OFF
PRAGMA legacy_file_format = ON
PRAGMA empty_result_callbacks = ON
PRAGMA full_column_names = ON
PRAGMA count_changes = ON
PRAGMA user_version = 7
PRAGMA application_id = 7
PRAGMA schema_version = 99
PRAGMA wal_checkpoint(TRUNCATE)
PRAGMA incremental_vacuum(1000)
PRAGMA optimize
PRAGMA optimize(0xfffe)
PRAGMA shrink_memory
PRAGMA integrity_check
PRAGMA quick_check(1000000)
PRAGMA database_list
PRAGMA table_info(t)
PRAGMA compile_options
PRAGMA function_list
PRAGMA module_list
PRAGMA key = 'x'
PRAGMA rekey = 'x'
PRAGMA parser_trace = ON
PRAGMA vdbe_trace = ON
PRAGMA vdbe_debug = ON
PRAGMA stats
PRAGMA foreign_keys = ON
PRAGMA ignore_check_constraints = ON
PRAGMA recursive_triggers = ON
PRAGMA cell_size_check = OFF
PRAGMA secure_delete = FAST
PRAGMA filename
PRAGMA no_such_pragma = 1
SELECT * FROM pragma_database_list
SELECT file FROM pragma_database_list WHERE name = 'main'
SELECT * FROM pragma_table_info('t')
SELECT * FROM pragma_table_xinfo('sqlite_schema')
SELECT * FROM pragma_function_list
SELECT * FROM pragma_module_list
SELECT * FROM pragma_compile_options
SELECT * FROM pragma_integrity_check
SELECT * FROM pragma_journal_mode
SELECT * FROM pragma_query_only
SELECT * FROM pragma_writable_schema
SELECT * FROM pragma_user_version
SELECT * FROM "pragma_optimize"
SELECT m.name, i.name FROM sqlite_schema AS m, pragma_table_info(m.name) AS i
SELECT (SELECT count(*) FROM pragma_collation_list)
explain pragma query_only = off
/* a comment first */ PRAGMA query_only = OFF

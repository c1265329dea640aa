-- Attacks the database itself: writes of any kind, the schema tables, shadow tables, virtual tables, triggers, views, transactions. The database has to be the same after it.
INSERT INTO t VALUES (1, 'x', 1.0)
INSERT INTO t (a) SELECT a FROM t
INSERT OR REPLACE INTO t VALUES (1, 'x', 1.0) RETURNING *
INSERT INTO t DEFAULT VALUES RETURNING rowid
REPLACE INTO t VALUES (1, 'x', 1.0)
UPDATE t SET a = a + 1
UPDATE t SET b = 'x' WHERE a = 1 RETURNING a, b
UPDATE OR IGNORE t SET rowid = -rowid
UPDATE t SET a = s.a FROM t AS s WHERE s.rowid = t.rowid + 1
DELETE FROM t
DELETE FROM t WHERE 1 RETURNING a
WITH gone AS (SELECT a FROM t) DELETE FROM t WHERE a IN gone
WITH x AS (SELECT 1) INSERT INTO t SELECT *, 2, 3 FROM x
DROP TABLE t
DROP TABLE IF EXISTS t
DROP TABLE main.t
ALTER TABLE t RENAME TO u
ALTER TABLE t ADD COLUMN d TEXT DEFAULT (randomblob(1000))
ALTER TABLE t DROP COLUMN c
ALTER TABLE t RENAME COLUMN a TO z
CREATE TABLE u (x)
CREATE TABLE u AS SELECT * FROM t, t AS s, t AS r
CREATE TABLE IF NOT EXISTS t (x)
CREATE TEMP TABLE u (x)
CREATE TEMPORARY TABLE t AS SELECT 0 AS a, 'shadow' AS b, 0.0 AS c
CREATE TABLE temp.t (a, b, c)
CREATE VIEW v AS SELECT * FROM t
CREATE TEMP VIEW t AS SELECT 1 AS a, 'shadow' AS b, 2.0 AS c
CREATE VIEW temp.loop AS SELECT * FROM loop
CREATE INDEX i ON t (a)
CREATE UNIQUE INDEX i ON t (randomblob(10))
CREATE INDEX temp.i ON t (b)
DROP INDEX IF EXISTS i
REINDEX
REINDEX t
ANALYZE
ANALYZE sqlite_schema
CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM t; END
CREATE TEMP TRIGGER g AFTER DELETE ON t BEGIN SELECT RAISE(FAIL, 'no'); END
CREATE TEMP TRIGGER g INSTEAD OF INSERT ON sqlite_schema BEGIN SELECT 1; END
DROP TRIGGER IF EXISTS g
SELECT RAISE(ABORT, 'outside of a trigger')
CREATE VIRTUAL TABLE f USING fts5(x)
CREATE VIRTUAL TABLE f USING fts4(x, tokenize=simple)
CREATE VIRTUAL TABLE temp.f USING fts3(x)
CREATE VIRTUAL TABLE f USING rtree(id, x0, x1)
CREATE VIRTUAL TABLE f USING geopoly(x)
CREATE VIRTUAL TABLE d USING dbstat
CREATE VIRTUAL TABLE temp.d USING sqlite_stmt
CREATE VIRTUAL TABLE v USING fts5vocab('t', 'row')
SELECT * FROM dbstat
SELECT sum(pgsize) FROM dbstat WHERE aggregate = TRUE
SELECT * FROM sqlite_stmt
SELECT * FROM bytecode('SELECT 1')
SELECT * FROM tables_used('SELECT * FROM t')
SELECT * FROM sqlite_schema
SELECT sql FROM sqlite_master WHERE type = 'table'
SELECT * FROM sqlite_temp_schema
SELECT name FROM sqlite_temp_master
SELECT * FROM main.sqlite_schema JOIN t
SELECT * FROM sqlite_sequence
SELECT * FROM sqlite_stat1
SELECT * FROM "sqlite_schema"
INSERT INTO sqlite_schema VALUES ('table', 'x', 'x', 0, 'CREATE TABLE x (y)')
UPDATE sqlite_schema SET sql = 'CREATE TABLE t (a)' WHERE name = 't'
DELETE FROM sqlite_master
DELETE FROM sqlite_sequence
DROP TABLE sqlite_schema
CREATE TABLE sqlite_evil (x)
BEGIN
BEGIN EXCLUSIVE
BEGIN IMMEDIATE TRANSACTION
COMMIT
END
ROLLBACK
ROLLBACK TO x
SAVEPOINT x
RELEASE x
SELECT fts3_tokenizer('simple')
SELECT fts3_tokenizer('simple', x'4141414141414141')
SELECT fts5(x'00')
SELECT fts5_source_id()
SELECT optimize(t) FROM t
SELECT snippet(t) FROM t
SELECT offsets(t), matchinfo(t) FROM t
SELECT highlight(t, 0, '<', '>') FROM t
SELECT rtreenode(2, zeroblob(1000)), rtreedepth(zeroblob(2)), rtreecheck('t')
SELECT geopoly_area(zeroblob(100)), geopoly_json('[[0,0],[1,0],[0,1],[0,0]]')
SELECT * FROM t_content, t_segdir
SELECT sqlite_rename_column('x', 'y', 'z', 1, 2, 3, 4, 5, 6)
SELECT sqlite_rename_table(1, 2, 3, 4, 5, 6, 7)
SELECT sqlite_rename_test('main', 'CREATE TABLE t(a)', 'table', 't', 0, 0, 0)
SELECT sqlite_drop_column(0, 'CREATE TABLE t (a, b)', 1)
SELECT sqlite_add_constraint('t', 'x', 1)

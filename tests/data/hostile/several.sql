-- Attacks the reading of one statement: several of them, none, only comments, only semicolons, tails. Only what is one SELECT may run, and nothing behind it. Separated by lines of three hyphens, because some span lines or are empty.
---
SELECT 1; SELECT 2
---
SELECT 1; DROP TABLE t
---
SELECT 1;DELETE FROM t;
---
SELECT 1; ; ; ATTACH '/tmp/antiks-hostile.db' AS x
---
SELECT a FROM t; -- ; DROP TABLE t
---
SELECT a FROM t -- one
; /* two */ DELETE FROM t
---
;
---
;;;;;;
---
; SELECT 1
---
;;; DROP TABLE t
---

---
-- only a comment
---
/* only a comment */
---
/* a comment that does not end
---
-- one
-- two
/* three */
---
/**/;/**/
---
SELECT 1 --
---
SELECT 1 /* ; DROP TABLE t
---
SELECT '; DROP TABLE t; --'
---
SELECT ';' AS ";" FROM t; SELECT '
---
SELECT 1;
SELECT 2;
SELECT 3;
---
BEGIN; DELETE FROM t; COMMIT
---
BEGIN; UPDATE t SET a = 0;
---
COMMIT; PRAGMA query_only = OFF; DELETE FROM t
---
SELECT 1; PRAGMA query_only = OFF
---
CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; SELECT 2; END; SELECT 3
---
WITH x AS (SELECT 1); SELECT * FROM x
---
SELECT * FROM t UNION SELECT 1, 2, 3; SELECT * FROM sqlite_schema
---
SELECT 1 GO DROP TABLE t
---
SELECT 1 \g DELETE FROM t
---
EXPLAIN SELECT 1; DELETE FROM t
---
SELECT /*! 1 */ 2; /*!50000 DROP TABLE t */
---
SELECT 1; garbage that is not SQL
---
garbage; SELECT 1
---
```sql
SELECT a FROM t
```
---
Here is the query you asked for:
SELECT a FROM t;
---
<script>SELECT 1</script>
---
DELIMITER //
SELECT 1 //
---
#!/bin/sh
SELECT 1
---
\i /etc/passwd
---
.tables

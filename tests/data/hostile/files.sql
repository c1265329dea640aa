-- Attacks the file system: reads or makes files, opens other databases, loads code. All of it has to be refused, and no file may appear.
ATTACH DATABASE '/tmp/antiks-hostile.db' AS x
ATTACH 'stolen.db' AS x
ATTACH '' AS scratch
ATTACH ':memory:' AS m
ATTACH 'file:/tmp/antiks-hostile.db?mode=rwc' AS x
ATTACH 'file:/etc/passwd?mode=ro&immutable=1' AS p
ATTACH DATABASE (SELECT '/tmp/' || b FROM t LIMIT 1) AS x
attach /* quietly */ database'/tmp/antiks-hostile.db'as"x"
DETACH DATABASE main
DETACH x
VACUUM
VACUUM main
VACUUM INTO '/tmp/antiks-hostile.db'
VACUUM main INTO 'stolen.db'
VACUUM INTO (SELECT '/tmp/' || max(b) FROM t)
SELECT load_extension('/lib/x86_64-linux-gnu/libc.so.6')
SELECT load_extension('./evil', 'sqlite3_evil_init')
SELECT a, load_extension('evil') FROM t WHERE a = -1
SELECT readfile('/etc/passwd')
SELECT length(readfile('/proc/self/environ'))
SELECT writefile('/tmp/antiks-hostile.txt', 'x')
SELECT writefile('antiks-hostile.txt', zeroblob(1000000))
SELECT edit('x', 'vi')
SELECT edit(b, 'sh -c "touch /tmp/antiks-hostile"') FROM t
SELECT * FROM fsdir('/')
SELECT * FROM fsdir('.', '/etc')
SELECT lsmode(16877)
SELECT * FROM zipfile('/tmp/a.zip')
SELECT * FROM csv('/etc/passwd')
CREATE VIRTUAL TABLE temp.c USING csv(filename='/etc/passwd')
CREATE VIRTUAL TABLE temp.z USING zipfile('/tmp/antiks-hostile.zip')
SELECT * FROM lines_read('/etc/passwd')
SELECT import('/etc/passwd')
SELECT shell('id')
SELECT system('id')
SELECT * FROM sqlite_dbdata
SELECT * FROM sqlite_dbpage
SELECT pgno, data FROM sqlite_dbpage('main') LIMIT 1
UPDATE sqlite_dbpage SET data = zeroblob(4096) WHERE pgno = 1
.read /etc/passwd
.shell id
.output /tmp/antiks-hostile.txt
BACKUP main TO '/tmp/antiks-hostile.db'
COPY t TO '/tmp/antiks-hostile.csv'
SELECT * INTO OUTFILE '/tmp/antiks-hostile.csv' FROM t

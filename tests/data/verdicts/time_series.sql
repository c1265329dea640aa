-- Time series. The head of revenue.sql explains the format.

-- schema: meters
-- reference, ordered
SELECT strftime('%Y-%m', day) AS month, SUM(kwh) AS kwh FROM readings
GROUP BY strftime('%Y-%m', day) ORDER BY month;
-- equivalent: substr for strftime
SELECT substr(day, 1, 7) AS m, SUM(kwh) FROM readings GROUP BY m ORDER BY m;
-- equivalent: year and month put together again
SELECT strftime('%Y', day) || '-' || strftime('%m', day), SUM(kwh) FROM readings GROUP BY 1 ORDER BY 1 ASC;
-- equivalent: the days are summed first
WITH by_day AS (SELECT day, SUM(kwh) AS s FROM readings GROUP BY day)
SELECT SUM(s), substr(day, 1, 7) FROM by_day GROUP BY 2 ORDER BY 2;
-- equivalent: a window and DISTINCT
SELECT DISTINCT substr(day, 1, 7) AS month, SUM(kwh) OVER (PARTITION BY substr(day, 1, 7)) FROM readings ORDER BY month;
-- different: no order where one is asked for
SELECT strftime('%Y-%m', day) AS month, SUM(kwh) FROM readings GROUP BY month ORDER BY SUM(kwh);
-- different: the latest month first
SELECT strftime('%Y-%m', day) AS month, SUM(kwh) FROM readings GROUP BY month ORDER BY month DESC;
-- different: months of all years together
SELECT strftime('%m', day) AS month, SUM(kwh) FROM readings GROUP BY month ORDER BY month;
-- different: the first day of the month instead of the month
SELECT date(day, 'start of month') AS month, SUM(kwh) FROM readings GROUP BY month ORDER BY month;
-- different: zero for a month without readings
SELECT strftime('%Y-%m', day) AS month, TOTAL(kwh) FROM readings GROUP BY month ORDER BY month;
-- different: months whose sum is NULL are dropped
SELECT strftime('%Y-%m', day) AS month, SUM(kwh) FROM readings WHERE kwh IS NOT NULL GROUP BY month ORDER BY month;
-- different: the wrong column
SELECT strftime('%Y-%m', day) AS month, SUM(peak) FROM readings GROUP BY month ORDER BY month;

-- schema: meters
-- reference, unordered
SELECT COUNT(*) FROM readings WHERE day >= '2024-01-01' AND day < '2025-01-01';
-- equivalent: the year by strftime
SELECT COUNT(*) FROM readings WHERE strftime('%Y', day) = '2024';
-- equivalent: BETWEEN with the last day
SELECT COUNT(day) FROM readings WHERE day BETWEEN '2024-01-01' AND '2024-12-31';
-- equivalent: LIKE
SELECT COUNT(*) FROM readings WHERE day LIKE '2024-%';
-- equivalent: the year as a number
SELECT COUNT(*) FROM readings WHERE CAST(substr(day, 1, 4) AS INTEGER) = 2024;
-- equivalent: half years added up
SELECT (SELECT COUNT(*) FROM readings WHERE day >= '2024-01-01' AND day < '2024-07-01')
     + (SELECT COUNT(*) FROM readings WHERE day >= '2024-07-01' AND day < '2025-01-01');
-- different: partial year
SELECT COUNT(*) FROM readings WHERE day >= '2024-01-01' AND day < '2024-12-31';
-- different: the first day is lost
SELECT COUNT(*) FROM readings WHERE day > '2024-01-01' AND day < '2025-01-01';
-- different: New Year's Day of the next year comes in
SELECT COUNT(*) FROM readings WHERE day BETWEEN '2024-01-01' AND '2025-01-01';
-- different: a number never equals text
SELECT COUNT(*) FROM readings WHERE strftime('%Y', day) = 2024;
-- different: without quotes it is a subtraction
SELECT COUNT(*) FROM readings WHERE day >= 2024-01-01 AND day < 2025-01-01;
-- different: only what was measured
SELECT COUNT(kwh) FROM readings WHERE day >= '2024-01-01' AND day < '2025-01-01';
-- different: the last twelve months from today
SELECT COUNT(*) FROM readings WHERE day >= date('now', '-12 months');
-- different: the sample's number
SELECT 7;

-- schema: meters
-- reference, ordered requires window
SELECT site, day, SUM(kwh) OVER (PARTITION BY site ORDER BY day) AS running FROM readings ORDER BY site, day;
-- equivalent: a subquery for each row
SELECT site, day, (SELECT SUM(kwh) FROM readings AS e WHERE e.site = r.site AND e.day <= r.day) FROM readings AS r
ORDER BY site, day;
-- equivalent: the frame written out; days are unique in a site
SELECT site, day, SUM(kwh) OVER (PARTITION BY site ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
FROM readings ORDER BY site, day;
-- equivalent: a join with the earlier readings
SELECT r.site, r.day, SUM(e.kwh) FROM readings r JOIN readings e ON e.site = r.site AND e.day <= r.day
GROUP BY r.site, r.day ORDER BY r.site, r.day;
-- equivalent: a named window
SELECT site, day, SUM(kwh) OVER w FROM readings WINDOW w AS (PARTITION BY site ORDER BY day) ORDER BY 1, 2;
-- different: all sites together
SELECT site, day, SUM(kwh) OVER (ORDER BY day) FROM readings ORDER BY site, day;
-- different: without ORDER BY it is the whole of the site
SELECT site, day, SUM(kwh) OVER (PARTITION BY site) FROM readings ORDER BY site, day;
-- different: from the end
SELECT site, day, SUM(kwh) OVER (PARTITION BY site ORDER BY day DESC) FROM readings ORDER BY site, day;
-- different: strictly before
SELECT site, day, (SELECT SUM(kwh) FROM readings AS e WHERE e.site = r.site AND e.day < r.day) FROM readings AS r
ORDER BY site, day;
-- different: two rows only
SELECT site, day, SUM(kwh) OVER (PARTITION BY site ORDER BY day ROWS 1 PRECEDING) FROM readings ORDER BY site, day;
-- different: sorted by day first
SELECT site, day, SUM(kwh) OVER (PARTITION BY site ORDER BY day) AS running FROM readings ORDER BY day, site;
-- different: the running maximum
SELECT site, day, MAX(kwh) OVER (PARTITION BY site ORDER BY day) AS running FROM readings ORDER BY site, day;

-- schema: meters
-- reference, unordered requires window
SELECT id, started_on, COUNT(*) OVER (ORDER BY started_on) AS so_far FROM incidents;
-- equivalent: RANGE written out
SELECT id, started_on, COUNT(*) OVER (ORDER BY started_on RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM incidents;
-- equivalent: a count of those not later
SELECT id, started_on, (SELECT COUNT(*) FROM incidents AS e WHERE e.started_on <= i.started_on) FROM incidents AS i;
-- equivalent: GROUPS for RANGE
SELECT id, started_on, COUNT(id) OVER (ORDER BY started_on GROUPS UNBOUNDED PRECEDING) FROM incidents;
-- equivalent: rank plus the number of ties
SELECT id, started_on, RANK() OVER (ORDER BY started_on) + COUNT(*) OVER (PARTITION BY started_on) - 1 FROM incidents;
-- different: ROWS for RANGE
SELECT id, started_on, COUNT(*) OVER (ORDER BY started_on ROWS UNBOUNDED PRECEDING) FROM incidents;
-- different: ROW_NUMBER breaks ties
SELECT id, started_on, ROW_NUMBER() OVER (ORDER BY started_on, id) FROM incidents;
-- different: RANK gives ties the smallest
SELECT id, started_on, RANK() OVER (ORDER BY started_on) FROM incidents;
-- different: DENSE_RANK counts days
SELECT id, started_on, DENSE_RANK() OVER (ORDER BY started_on) FROM incidents;
-- different: a column with NULLs is counted
SELECT id, started_on, COUNT(severity) OVER (ORDER BY started_on) FROM incidents;

-- schema: meters
-- reference, unordered requires window
SELECT site, day, kwh - LAG(kwh) OVER (PARTITION BY site ORDER BY day) AS change FROM readings;
-- equivalent: LEAD in the opposite order
SELECT site, day, kwh - LEAD(kwh, 1) OVER (PARTITION BY site ORDER BY day DESC) FROM readings;
-- equivalent: the value of the day before found by a subquery
SELECT site, day, kwh - (SELECT p.kwh FROM readings AS p WHERE p.site = r.site AND p.day < r.day
                         ORDER BY p.day DESC LIMIT 1) FROM readings AS r;
-- equivalent: joined by numbered rows
WITH n AS (SELECT *, ROW_NUMBER() OVER (PARTITION BY site ORDER BY day) AS k FROM readings)
SELECT a.site, a.day, a.kwh - b.kwh FROM n AS a LEFT JOIN n AS b ON b.site = a.site AND b.k = a.k - 1;
-- equivalent: FIRST_VALUE of a frame of one row before
SELECT day, site, kwh - FIRST_VALUE(kwh) OVER (PARTITION BY site ORDER BY day ROWS BETWEEN 1 PRECEDING AND 1 PRECEDING)
FROM readings;
-- different: the sign is wrong
SELECT site, day, LAG(kwh) OVER (PARTITION BY site ORDER BY day) - kwh FROM readings;
-- different: LEAD
SELECT site, day, kwh - LEAD(kwh) OVER (PARTITION BY site ORDER BY day) FROM readings;
-- different: sites run into each other
SELECT site, day, kwh - LAG(kwh) OVER (ORDER BY site, day) FROM readings;
-- different: the first row counts from zero
SELECT site, day, kwh - LAG(kwh, 1, 0) OVER (PARTITION BY site ORDER BY day) FROM readings;
-- different: the calendar's day before, which may be missing
SELECT r.site, r.day, r.kwh - p.kwh FROM readings r LEFT JOIN readings p ON p.site = r.site AND p.day = date(r.day, '-1 day');
-- different: rows without a reading are left out before
SELECT site, day, kwh - LAG(kwh) OVER (PARTITION BY site ORDER BY day) FROM readings WHERE kwh IS NOT NULL;

-- schema: meters
-- reference, unordered requires window
SELECT site, day, AVG(kwh) OVER (PARTITION BY site ORDER BY day ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS moving
FROM readings;
-- equivalent: short form of the frame
SELECT site, day, AVG(kwh) OVER (PARTITION BY site ORDER BY day ROWS 2 PRECEDING) FROM readings;
-- equivalent: sum by count over the same frame
SELECT site, day, SUM(kwh) OVER w / COUNT(kwh) OVER w FROM readings
WINDOW w AS (PARTITION BY site ORDER BY day ROWS BETWEEN 2 PRECEDING AND CURRENT ROW);
-- equivalent: GROUPS, because a day stands once in a site
SELECT site, day, AVG(kwh) OVER (PARTITION BY site ORDER BY day GROUPS 2 PRECEDING) FROM readings;
-- equivalent: the last three found by a subquery
SELECT site, day, (SELECT AVG(kwh) FROM (SELECT p.kwh FROM readings AS p WHERE p.site = r.site AND p.day <= r.day
                                         ORDER BY p.day DESC LIMIT 3)) FROM readings AS r;
-- different: four rows
SELECT site, day, AVG(kwh) OVER (PARTITION BY site ORDER BY day ROWS 3 PRECEDING) FROM readings;
-- different: one row ahead
SELECT site, day, AVG(kwh) OVER (PARTITION BY site ORDER BY day ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM readings;
-- different: NULL counts as zero
SELECT site, day, AVG(COALESCE(kwh, 0)) OVER (PARTITION BY site ORDER BY day ROWS 2 PRECEDING) FROM readings;
-- different: all up to here
SELECT site, day, AVG(kwh) OVER (PARTITION BY site ORDER BY day) FROM readings;
-- different: always divided by three
SELECT site, day, SUM(kwh) OVER (PARTITION BY site ORDER BY day ROWS 2 PRECEDING) / 3 FROM readings;

-- schema: meters
-- reference, unordered
SELECT id, CAST(julianday('2024-12-31') - julianday(started_on) AS INTEGER) AS days FROM incidents;
-- equivalent: seconds of the Unix epoch
SELECT id, (CAST(strftime('%s', '2024-12-31') AS INTEGER) - CAST(strftime('%s', started_on) AS INTEGER)) / 86400 FROM incidents;
-- equivalent: a real with the same value
SELECT id, julianday('2024-12-31') - julianday(started_on) FROM incidents;
-- equivalent: rounded
SELECT id, ROUND(julianday('2024-12-31', '+0 days') - julianday(started_on)) FROM incidents;
-- different: from today
SELECT id, CAST(julianday('now') - julianday(started_on) AS INTEGER) FROM incidents;
-- different: both ends count
SELECT id, CAST(julianday('2024-12-31') - julianday(started_on) AS INTEGER) + 1 FROM incidents;
-- different: text minus text takes the years only
SELECT id, '2024-12-31' - started_on FROM incidents;
-- different: the other way round
SELECT id, CAST(julianday(started_on) - julianday('2024-12-31') AS INTEGER) FROM incidents;
-- different: no sign
SELECT id, ABS(CAST(julianday('2024-12-31') - julianday(started_on) AS INTEGER)) FROM incidents;
-- different: months of thirty days
SELECT id, (2024 - CAST(strftime('%Y', started_on) AS INTEGER)) * 360
         + (12 - CAST(strftime('%m', started_on) AS INTEGER)) * 30
         + 31 - CAST(strftime('%d', started_on) AS INTEGER) FROM incidents;

-- schema: meters
-- reference, unordered
SELECT code FROM sites WHERE opened_on IS NULL OR opened_on < '2022-01-01';
-- equivalent: COALESCE with an early day
SELECT code FROM sites WHERE COALESCE(opened_on, '0000-01-01') < '2022-01-01';
-- equivalent: EXCEPT
SELECT code FROM sites EXCEPT SELECT code FROM sites WHERE opened_on >= '2022-01-01';
-- equivalent: IS NOT TRUE
SELECT code FROM sites WHERE (opened_on >= '2022-01-01') IS NOT TRUE;
-- equivalent: UNION for OR
SELECT code FROM sites WHERE opened_on IS NULL UNION SELECT code FROM sites WHERE opened_on < '2022-01-01';
-- different: no day is lost
SELECT code FROM sites WHERE NOT opened_on >= '2022-01-01';
-- different: the day itself
SELECT code FROM sites WHERE opened_on IS NULL OR opened_on <= '2022-01-01';
-- different: AND for OR
SELECT code FROM sites WHERE opened_on IS NULL AND opened_on < '2022-01-01';
-- different: the empty text is not NULL
SELECT code FROM sites WHERE opened_on = '' OR opened_on < '2022-01-01';

-- schema: meters
-- reference, unordered
SELECT r.site, r.day, r.kwh FROM readings AS r
WHERE r.day = (SELECT MAX(l.day) FROM readings AS l WHERE l.site = r.site);
-- equivalent: ROW_NUMBER, because a day stands once in a site
SELECT site, day, kwh FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY site ORDER BY day DESC) AS n FROM readings) WHERE n = 1;
-- equivalent: RANK does as well
SELECT site, day, kwh FROM (SELECT *, RANK() OVER (PARTITION BY site ORDER BY day DESC) AS n FROM readings) WHERE n = 1;
-- equivalent: no later one exists
SELECT r.site, r.day, r.kwh FROM readings r
WHERE NOT EXISTS (SELECT 1 FROM readings l WHERE l.site = r.site AND l.day > r.day);
-- equivalent: a row value among the maxima
SELECT kwh, site, day FROM readings WHERE (site, day) IN (SELECT site, MAX(day) FROM readings GROUP BY site);
-- equivalent: the value that SQLite takes from the row of the maximum
SELECT site, MAX(day), kwh FROM readings GROUP BY site;
-- different: the last day of all
SELECT site, day, kwh FROM readings WHERE day = (SELECT MAX(day) FROM readings);
-- different: the largest value beside the last day
SELECT site, MAX(day), MAX(kwh) FROM readings GROUP BY site;
-- different: a day that is the last of some site
SELECT site, day, kwh FROM readings WHERE day IN (SELECT MAX(day) FROM readings GROUP BY site);
-- different: the last that was measured
SELECT r.site, r.day, r.kwh FROM readings AS r
WHERE r.day = (SELECT MAX(l.day) FROM readings AS l WHERE l.site = r.site AND l.kwh IS NOT NULL);
-- different: the first
SELECT site, MIN(day), kwh FROM readings GROUP BY site;

-- schema: meters
-- reference, unordered
SELECT strftime('%w', started_on) AS weekday, COUNT(*) AS incidents FROM incidents GROUP BY weekday;
-- equivalent: days since a Sunday, as text
SELECT CAST(CAST(julianday(started_on) + 1.5 AS INTEGER) % 7 AS TEXT), COUNT(*) FROM incidents GROUP BY 1;
-- equivalent: grouped by the expression, key counted
SELECT COUNT(id), strftime('%w', started_on) FROM incidents GROUP BY strftime('%w', started_on);
-- different: a number instead of text
SELECT CAST(strftime('%w', started_on) AS INTEGER) AS weekday, COUNT(*) FROM incidents GROUP BY weekday;
-- different: the day of the month
SELECT strftime('%d', started_on) AS weekday, COUNT(*) FROM incidents GROUP BY weekday;
-- different: Monday is zero
SELECT CAST((strftime('%w', started_on) + 6) % 7 AS TEXT) AS weekday, COUNT(*) FROM incidents GROUP BY weekday;
-- different: days without a site are dropped
SELECT strftime('%w', started_on) AS weekday, COUNT(site) FROM incidents GROUP BY weekday;

-- schema: shop
-- reference, ordered requires cte clean_numeric
WITH monthly AS (
  SELECT strftime('%Y-%m', ordered_on) AS month, COALESCE(SUM(CLEAN_NUMERIC(total)), 0) AS revenue
  FROM orders GROUP BY strftime('%Y-%m', ordered_on)
)
SELECT month, revenue, revenue - LAG(revenue) OVER (ORDER BY month) AS change FROM monthly ORDER BY month;
-- equivalent: a subquery instead of the CTE, TOTAL instead of COALESCE
SELECT m, t, t - LAG(t) OVER (ORDER BY m) FROM (
  SELECT substr(ordered_on, 1, 7) AS m, TOTAL(CLEAN_NUMERIC(total)) AS t FROM orders GROUP BY m
) ORDER BY m;
-- equivalent: the window over the aggregate
SELECT substr(ordered_on, 1, 7) AS m, TOTAL(CLEAN_NUMERIC(total)),
       TOTAL(CLEAN_NUMERIC(total)) - LAG(TOTAL(CLEAN_NUMERIC(total))) OVER (ORDER BY substr(ordered_on, 1, 7))
FROM orders GROUP BY m ORDER BY m;
-- different: months follow each other as rows of the table
SELECT substr(ordered_on, 1, 7) AS m, TOTAL(CLEAN_NUMERIC(total)), 0 FROM orders GROUP BY m ORDER BY m;
-- different: the first month's change is zero
SELECT m, t, COALESCE(t - LAG(t) OVER (ORDER BY m), 0) FROM (
  SELECT substr(ordered_on, 1, 7) AS m, TOTAL(CLEAN_NUMERIC(total)) AS t FROM orders GROUP BY m
) ORDER BY m;
-- different: CAST
SELECT m, t, t - LAG(t) OVER (ORDER BY m) FROM (
  SELECT substr(ordered_on, 1, 7) AS m, TOTAL(CAST(total AS REAL)) AS t FROM orders GROUP BY m
) ORDER BY m;
-- different: against the month after
SELECT m, t, t - LAG(t) OVER (ORDER BY m DESC) FROM (
  SELECT substr(ordered_on, 1, 7) AS m, TOTAL(CLEAN_NUMERIC(total)) AS t FROM orders GROUP BY m
) ORDER BY m;
-- different: the growth as a part
SELECT m, t, (t - LAG(t) OVER (ORDER BY m)) / LAG(t) OVER (ORDER BY m) FROM (
  SELECT substr(ordered_on, 1, 7) AS m, TOTAL(CLEAN_NUMERIC(total)) AS t FROM orders GROUP BY m
) ORDER BY m;

-- schema: clinic
-- reference, unordered
SELECT id FROM visits WHERE visited_on >= '2024-02-01' AND visited_on < '2024-03-01';
-- equivalent: BETWEEN with the leap day
SELECT id FROM visits WHERE visited_on BETWEEN '2024-02-01' AND '2024-02-29';
-- equivalent: month by strftime
SELECT id FROM visits WHERE strftime('%Y-%m', visited_on) = '2024-02';
-- equivalent: a plus sign and date arithmetic
SELECT id FROM visits WHERE visited_on >= '2024-02-01' AND visited_on < date('2024-02-01', '+1 month');
-- equivalent: GLOB
SELECT id FROM visits WHERE visited_on GLOB '2024-02-*';
-- equivalent: the last day computed
SELECT id FROM visits WHERE date(visited_on, 'start of month') = '2024-02-01';
-- different: the leap day is forgotten
SELECT id FROM visits WHERE visited_on BETWEEN '2024-02-01' AND '2024-02-28';
-- different: the first of March comes in
SELECT id FROM visits WHERE visited_on BETWEEN '2024-02-01' AND '2024-03-01';
-- different: February of every year
SELECT id FROM visits WHERE strftime('%m', visited_on) = '02';
-- different: the month without its zero
SELECT id FROM visits WHERE strftime('%m', visited_on) = '2' AND strftime('%Y', visited_on) = '2024';
-- different: March
SELECT id FROM visits WHERE visited_on >= '2024-03-01' AND visited_on < '2024-04-01';

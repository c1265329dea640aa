-- Pivots and cross-tabulations. The head of revenue.sql explains the format.

-- schema: shop
-- reference, unordered
SELECT customer_id,
       SUM(CASE WHEN status = 'paid' THEN 1 ELSE 0 END) AS paid,
       SUM(CASE WHEN status = 'open' THEN 1 ELSE 0 END) AS open
FROM orders GROUP BY customer_id;
-- equivalent: FILTER
SELECT customer_id, COUNT(*) FILTER (WHERE status = 'paid'), COUNT(*) FILTER (WHERE status = 'open')
FROM orders GROUP BY customer_id;
-- equivalent: COUNT of a CASE without ELSE
SELECT customer_id, COUNT(CASE WHEN status = 'paid' THEN 1 END), COUNT(CASE status WHEN 'open' THEN 'x' END)
FROM orders GROUP BY customer_id;
-- equivalent: IIF
SELECT SUM(IIF(status = 'open', 1, 0)), SUM(IIF(status = 'paid', 1, 0)), customer_id FROM orders GROUP BY customer_id;
-- equivalent: IS gives a truth that is never NULL
SELECT customer_id, SUM(status IS 'paid'), SUM(status IS 'open') FROM orders GROUP BY 1;
-- equivalent: a subquery for each column
SELECT c.customer_id,
       (SELECT COUNT(*) FROM orders WHERE customer_id = c.customer_id AND status = 'paid'),
       (SELECT COUNT(*) FROM orders WHERE customer_id = c.customer_id AND status = 'open')
FROM (SELECT DISTINCT customer_id FROM orders) AS c;
-- equivalent: grouped twice
WITH n AS (SELECT customer_id, status, COUNT(*) AS n FROM orders GROUP BY customer_id, status)
SELECT customer_id, TOTAL(CASE WHEN status = 'paid' THEN n END), TOTAL(CASE WHEN status = 'open' THEN n END)
FROM n GROUP BY customer_id;
-- different: COUNT of a CASE with ELSE counts all
SELECT customer_id, COUNT(CASE WHEN status = 'paid' THEN 1 ELSE 0 END), COUNT(CASE WHEN status = 'open' THEN 1 ELSE 0 END)
FROM orders GROUP BY customer_id;
-- different: NULL for none
SELECT customer_id, SUM(CASE WHEN status = 'paid' THEN 1 END), SUM(CASE WHEN status = 'open' THEN 1 END)
FROM orders GROUP BY customer_id;
-- different: a sum of truths that may be NULL
SELECT customer_id, SUM(status = 'paid'), SUM(status = 'open') FROM orders GROUP BY customer_id;
-- different: a customer with neither is dropped
SELECT customer_id, SUM(status = 'paid'), SUM(status = 'open') FROM orders WHERE status IN ('paid', 'open')
GROUP BY customer_id;
-- different: another status in the second column
SELECT customer_id, SUM(status IS 'paid'), SUM(status IS 'cancelled') FROM orders GROUP BY customer_id;
-- different: rows instead of columns
SELECT customer_id, status, COUNT(*) FROM orders WHERE status IN ('paid', 'open') GROUP BY customer_id, status;
-- different: the same column twice
SELECT customer_id, SUM(status IS 'paid'), SUM(status IS 'paid') FROM orders GROUP BY customer_id;

-- schema: shop
-- reference, unordered requires clean_numeric
SELECT strftime('%Y', ordered_on) AS year,
       SUM(CASE WHEN strftime('%m', ordered_on) IN ('01', '02', '03') THEN CLEAN_NUMERIC(total) END) AS q1,
       SUM(CASE WHEN strftime('%m', ordered_on) BETWEEN '04' AND '06' THEN CLEAN_NUMERIC(total) END) AS q2
FROM orders GROUP BY strftime('%Y', ordered_on);
-- equivalent: FILTER and substr
SELECT substr(ordered_on, 1, 4) AS y,
       SUM(CLEAN_NUMERIC(total)) FILTER (WHERE substr(ordered_on, 6, 2) <= '03'),
       SUM(CLEAN_NUMERIC(total)) FILTER (WHERE substr(ordered_on, 6, 2) IN ('04', '05', '06'))
FROM orders GROUP BY y;
-- equivalent: the quarter as a number
WITH q AS (
  SELECT strftime('%Y', ordered_on) AS y, (CAST(strftime('%m', ordered_on) AS INTEGER) + 2) / 3 AS q,
         CLEAN_NUMERIC(total) AS amount FROM orders
)
SELECT y, SUM(CASE q WHEN 1 THEN amount END), SUM(CASE q WHEN 2 THEN amount END) FROM q GROUP BY y;
-- equivalent: joined from two quarters
WITH y AS (SELECT DISTINCT substr(ordered_on, 1, 4) AS y FROM orders),
     a AS (SELECT substr(ordered_on, 1, 4) AS y, SUM(CLEAN_NUMERIC(total)) AS s FROM orders
           WHERE CAST(substr(ordered_on, 6, 2) AS INTEGER) < 4 GROUP BY 1),
     b AS (SELECT substr(ordered_on, 1, 4) AS y, SUM(CLEAN_NUMERIC(total)) AS s FROM orders
           WHERE CAST(substr(ordered_on, 6, 2) AS INTEGER) BETWEEN 4 AND 6 GROUP BY 1)
SELECT y.y, a.s, b.s FROM y LEFT JOIN a ON a.y = y.y LEFT JOIN b USING (y);
-- different: zero for an empty quarter
SELECT strftime('%Y', ordered_on), TOTAL(CASE WHEN strftime('%m', ordered_on) <= '03' THEN CLEAN_NUMERIC(total) END),
       TOTAL(CASE WHEN strftime('%m', ordered_on) BETWEEN '04' AND '06' THEN CLEAN_NUMERIC(total) END)
FROM orders GROUP BY 1;
-- different: April belongs to both
SELECT strftime('%Y', ordered_on), SUM(CASE WHEN strftime('%m', ordered_on) <= '04' THEN CLEAN_NUMERIC(total) END),
       SUM(CASE WHEN strftime('%m', ordered_on) BETWEEN '04' AND '06' THEN CLEAN_NUMERIC(total) END)
FROM orders GROUP BY 1;
-- different: the second half of the year
SELECT strftime('%Y', ordered_on), SUM(CASE WHEN strftime('%m', ordered_on) <= '03' THEN CLEAN_NUMERIC(total) END),
       SUM(CASE WHEN strftime('%m', ordered_on) BETWEEN '07' AND '09' THEN CLEAN_NUMERIC(total) END)
FROM orders GROUP BY 1;
-- different: all years together
SELECT '2024', SUM(CASE WHEN strftime('%m', ordered_on) <= '03' THEN CLEAN_NUMERIC(total) END),
       SUM(CASE WHEN strftime('%m', ordered_on) BETWEEN '04' AND '06' THEN CLEAN_NUMERIC(total) END)
FROM orders;
-- different: CAST for CLEAN_NUMERIC
SELECT strftime('%Y', ordered_on), SUM(CASE WHEN strftime('%m', ordered_on) <= '03' THEN CAST(total AS REAL) END),
       SUM(CASE WHEN strftime('%m', ordered_on) BETWEEN '04' AND '06' THEN CAST(total AS REAL) END)
FROM orders GROUP BY 1;

-- schema: shop
-- reference, unordered
SELECT category,
       COUNT(*) AS products,
       SUM(CASE WHEN stock > 0 THEN 1 ELSE 0 END) AS available,
       SUM(CASE WHEN stock IS NULL THEN 1 ELSE 0 END) AS unknown
FROM products GROUP BY category;
-- equivalent: NULLIF and COUNT
SELECT category, COUNT(id), COUNT(CASE WHEN stock > 0 THEN 1 END), COUNT(*) - COUNT(stock) FROM products GROUP BY category;
-- equivalent: FILTER
SELECT COUNT(*) FILTER (WHERE stock > 0), COUNT(*) FILTER (WHERE stock IS NULL), COUNT(*), category
FROM products GROUP BY category;
-- equivalent: at least one, in whole numbers
SELECT category, COUNT(*), SUM(COALESCE(stock, 0) >= 1), SUM(stock IS NULL) FROM products GROUP BY category;
-- equivalent: a self-join on the category
SELECT c.category, COUNT(p.id), TOTAL(p.stock > 0), TOTAL(p.stock IS NULL)
FROM (SELECT DISTINCT category FROM products) AS c JOIN products AS p ON p.category = c.category GROUP BY c.category;
-- different: zero is available
SELECT category, COUNT(*), SUM(CASE WHEN stock >= 0 THEN 1 ELSE 0 END), SUM(stock IS NULL) FROM products GROUP BY category;
-- different: the stock is summed
SELECT category, COUNT(*), SUM(CASE WHEN stock > 0 THEN stock ELSE 0 END), SUM(stock IS NULL) FROM products GROUP BY category;
-- different: the unknown are not among the products
SELECT category, COUNT(stock), SUM(CASE WHEN stock > 0 THEN 1 ELSE 0 END), SUM(stock IS NULL) FROM products GROUP BY category;
-- different: NULL is never equal to NULL
SELECT category, COUNT(*), SUM(CASE WHEN stock > 0 THEN 1 ELSE 0 END), SUM(CASE stock WHEN NULL THEN 1 ELSE 0 END)
FROM products GROUP BY category;
-- different: ELSE counts the unknown as available
SELECT category, COUNT(*), SUM(CASE WHEN stock <= 0 THEN 0 ELSE 1 END), SUM(stock IS NULL) FROM products GROUP BY category;

-- schema: shop
-- reference, unordered
SELECT c.city, o.status, COUNT(*) AS n FROM customers AS c JOIN orders AS o ON o.customer_id = c.id
GROUP BY c.city, o.status;
-- equivalent: grouped the other way round
SELECT COUNT(o.id), o.status, c.city FROM orders o JOIN customers c ON c.id = o.customer_id GROUP BY o.status, c.city;
-- equivalent: a window and DISTINCT
SELECT DISTINCT city, status, COUNT(*) OVER (PARTITION BY city, status) FROM customers JOIN orders ON customer_id = customers.id;
-- equivalent: counted by customer first
SELECT city, status, SUM(n) FROM customers JOIN (
  SELECT customer_id, status, COUNT(*) AS n FROM orders GROUP BY customer_id, status
) ON customer_id = id GROUP BY city, status;
-- different: by city only
SELECT c.city, o.status, COUNT(*) FROM customers AS c JOIN orders AS o ON o.customer_id = c.id GROUP BY c.city;
-- different: customers are counted
SELECT c.city, o.status, COUNT(DISTINCT c.id) FROM customers AS c JOIN orders AS o ON o.customer_id = c.id
GROUP BY c.city, o.status;
-- different: the segment for the city
SELECT c.segment, o.status, COUNT(*) FROM customers AS c JOIN orders AS o ON o.customer_id = c.id
GROUP BY c.segment, o.status;
-- different: pairs that don't occur come in as zero
SELECT a.city, b.status, (SELECT COUNT(*) FROM customers c JOIN orders o ON o.customer_id = c.id
                          WHERE c.city IS a.city AND o.status IS b.status)
FROM (SELECT DISTINCT city FROM customers) a CROSS JOIN (SELECT DISTINCT status FROM orders) b;
-- different: every customer with every order
SELECT c.city, o.status, COUNT(*) FROM customers AS c, orders AS o GROUP BY c.city, o.status;
-- different: no status is dropped
SELECT c.city, o.status, COUNT(o.status) FROM customers AS c JOIN orders AS o ON o.customer_id = c.id
WHERE o.status IS NOT NULL GROUP BY c.city, o.status;

-- schema: meters
-- reference, ordered
SELECT site, COUNT(CASE WHEN kind = 'outage' THEN 1 END) AS outages,
       COUNT(CASE WHEN kind = 'surge' THEN 1 END) AS surges,
       COUNT(CASE WHEN kind NOT IN ('outage', 'surge') THEN 1 END) AS others
FROM incidents GROUP BY site ORDER BY outages DESC, site;
-- equivalent: others by subtraction
SELECT site, SUM(kind = 'outage') AS o, SUM(kind = 'surge'), COUNT(*) - SUM(kind = 'outage') - SUM(kind = 'surge')
FROM incidents GROUP BY site ORDER BY o DESC, site ASC;
-- equivalent: De Morgan in FILTER
SELECT site, COUNT(*) FILTER (WHERE kind = 'outage') AS o, COUNT(*) FILTER (WHERE kind = 'surge'),
       COUNT(*) FILTER (WHERE NOT (kind = 'outage' OR kind = 'surge'))
FROM incidents GROUP BY site ORDER BY o DESC, site NULLS FIRST;
-- equivalent: the marks in a CTE
WITH marks AS (SELECT site, kind = 'outage' AS o, kind = 'surge' AS s FROM incidents)
SELECT site, SUM(o), SUM(s), SUM(1 - o - s) FROM marks GROUP BY site ORDER BY SUM(o) DESC, site;
-- different: no site comes last
SELECT site, SUM(kind = 'outage') AS o, SUM(kind = 'surge'), SUM(kind NOT IN ('outage', 'surge'))
FROM incidents GROUP BY site ORDER BY o DESC, site NULLS LAST;
-- different: the tie-breaker is missing and goes the other way
SELECT site, SUM(kind = 'outage') AS o, SUM(kind = 'surge'), SUM(kind NOT IN ('outage', 'surge'))
FROM incidents GROUP BY site ORDER BY o DESC, site DESC;
-- different: ascending
SELECT site, SUM(kind = 'outage') AS o, SUM(kind = 'surge'), SUM(kind NOT IN ('outage', 'surge'))
FROM incidents GROUP BY site ORDER BY o, site;
-- different: others are all
SELECT site, SUM(kind = 'outage') AS o, SUM(kind = 'surge'), COUNT(*) FROM incidents GROUP BY site ORDER BY o DESC, site;
-- different: OR where AND is meant
SELECT site, SUM(kind = 'outage') AS o, SUM(kind = 'surge'), SUM(kind <> 'outage' OR kind <> 'surge')
FROM incidents GROUP BY site ORDER BY o DESC, site;
-- different: only sites that are known
SELECT s.code, SUM(kind = 'outage') AS o, SUM(kind = 'surge'), SUM(kind NOT IN ('outage', 'surge'))
FROM incidents JOIN sites s ON s.code = site GROUP BY s.code ORDER BY o DESC, s.code;

-- schema: meters
-- reference, unordered
SELECT s.region,
       SUM(CASE WHEN r.day < '2024-01-01' THEN r.kwh ELSE 0 END) AS earlier,
       SUM(CASE WHEN r.day >= '2024-01-01' THEN r.kwh ELSE 0 END) AS later
FROM sites AS s JOIN readings AS r ON r.site = s.code
WHERE r.kwh IS NOT NULL
GROUP BY s.region;
-- equivalent: TOTAL with FILTER
SELECT s.region, TOTAL(kwh) FILTER (WHERE day < '2024-01-01'), TOTAL(kwh) FILTER (WHERE NOT day < '2024-01-01')
FROM readings JOIN sites s ON s.code = site WHERE kwh NOTNULL GROUP BY s.region;
-- equivalent: by the year
SELECT region, TOTAL(IIF(substr(day, 1, 4) < '2024', kwh, NULL)), TOTAL(IIF(substr(day, 1, 4) >= '2024', kwh, NULL))
FROM (SELECT * FROM readings WHERE kwh IS NOT NULL) AS r, sites WHERE code = site GROUP BY region;
-- equivalent: the last day of the year
SELECT s.region, SUM(CASE WHEN r.day <= '2023-12-31' THEN r.kwh ELSE 0 END),
       SUM(CASE WHEN r.day > '2023-12-31' THEN r.kwh ELSE 0 END)
FROM sites AS s INNER JOIN readings AS r ON r.site = s.code AND r.kwh IS NOT NULL GROUP BY s.region;
-- different: New Year's Day in both
SELECT s.region, SUM(CASE WHEN r.day <= '2024-01-01' THEN r.kwh ELSE 0 END),
       SUM(CASE WHEN r.day >= '2024-01-01' THEN r.kwh ELSE 0 END)
FROM sites AS s JOIN readings AS r ON r.site = s.code WHERE r.kwh IS NOT NULL GROUP BY s.region;
-- different: New Year's Day in none
SELECT s.region, SUM(CASE WHEN r.day < '2024-01-01' THEN r.kwh ELSE 0 END),
       SUM(CASE WHEN r.day > '2024-01-01' THEN r.kwh ELSE 0 END)
FROM sites AS s JOIN readings AS r ON r.site = s.code WHERE r.kwh IS NOT NULL GROUP BY s.region;
-- different: by site
SELECT s.code, SUM(CASE WHEN r.day < '2024-01-01' THEN r.kwh ELSE 0 END),
       SUM(CASE WHEN r.day >= '2024-01-01' THEN r.kwh ELSE 0 END)
FROM sites AS s JOIN readings AS r ON r.site = s.code WHERE r.kwh IS NOT NULL GROUP BY s.code;
-- different: regions with nothing measured come in
SELECT s.region, TOTAL(CASE WHEN r.day < '2024-01-01' THEN r.kwh ELSE 0 END),
       TOTAL(CASE WHEN r.day >= '2024-01-01' THEN r.kwh ELSE 0 END)
FROM sites AS s JOIN readings AS r ON r.site = s.code GROUP BY s.region;
-- different: the average
SELECT s.region, AVG(CASE WHEN r.day < '2024-01-01' THEN r.kwh ELSE 0 END),
       AVG(CASE WHEN r.day >= '2024-01-01' THEN r.kwh ELSE 0 END)
FROM sites AS s JOIN readings AS r ON r.site = s.code WHERE r.kwh IS NOT NULL GROUP BY s.region;
-- different: the second minus the first
SELECT s.region, SUM(CASE WHEN r.day < '2024-01-01' THEN r.kwh ELSE 0 END),
       SUM(CASE WHEN r.day >= '2024-01-01' THEN r.kwh ELSE -r.kwh END)
FROM sites AS s JOIN readings AS r ON r.site = s.code WHERE r.kwh IS NOT NULL GROUP BY s.region;

-- schema: clinic
-- reference, unordered
SELECT d.specialty, MAX(CASE WHEN v.outcome = 'cured' THEN v.minutes END) AS longest_cure,
       MIN(CASE WHEN v.outcome = 'follow-up' THEN v.minutes END) AS shortest_follow_up
FROM doctors AS d LEFT JOIN visits AS v ON v.doctor_id = d.id GROUP BY d.specialty;
-- equivalent: FILTER
SELECT specialty, MIN(minutes) FILTER (WHERE outcome = 'follow-up'), MAX(minutes) FILTER (WHERE outcome = 'cured')
FROM doctors LEFT JOIN visits ON doctor_id = doctors.id GROUP BY specialty;
-- equivalent: conditions in two joins; maxima don't mind copies
SELECT d.specialty, MAX(a.minutes), MIN(b.minutes) FROM doctors d
LEFT JOIN visits a ON a.doctor_id = d.id AND a.outcome = 'cured'
LEFT JOIN visits b ON b.doctor_id = d.id AND b.outcome = 'follow-up'
GROUP BY d.specialty;
-- equivalent: by doctor first
SELECT specialty, MAX(l), MIN(s) FROM (
  SELECT specialty, (SELECT MAX(minutes) FROM visits WHERE doctor_id = d.id AND outcome = 'cured') AS l,
         (SELECT MIN(minutes) FROM visits WHERE doctor_id = d.id AND outcome = 'follow-up') AS s FROM doctors d
) GROUP BY specialty;
-- different: ELSE 0 is the smallest
SELECT d.specialty, MAX(CASE WHEN v.outcome = 'cured' THEN v.minutes ELSE 0 END),
       MIN(CASE WHEN v.outcome = 'follow-up' THEN v.minutes ELSE 0 END)
FROM doctors AS d LEFT JOIN visits AS v ON v.doctor_id = d.id GROUP BY d.specialty;
-- different: specialties without visits are lost
SELECT d.specialty, MAX(CASE WHEN v.outcome = 'cured' THEN v.minutes END), MIN(CASE WHEN v.outcome = 'follow-up' THEN v.minutes END)
FROM doctors AS d JOIN visits AS v ON v.doctor_id = d.id GROUP BY d.specialty;
-- different: largest and smallest exchanged
SELECT d.specialty, MIN(CASE WHEN v.outcome = 'cured' THEN v.minutes END), MAX(CASE WHEN v.outcome = 'follow-up' THEN v.minutes END)
FROM doctors AS d LEFT JOIN visits AS v ON v.doctor_id = d.id GROUP BY d.specialty;
-- different: no outcome at all
SELECT d.specialty, MAX(v.minutes), MIN(v.minutes) FROM doctors AS d LEFT JOIN visits AS v ON v.doctor_id = d.id
GROUP BY d.specialty;
-- different: an underscore for the hyphen
SELECT d.specialty, MAX(CASE WHEN v.outcome = 'cured' THEN v.minutes END), MIN(CASE WHEN v.outcome = 'follow_up' THEN v.minutes END)
FROM doctors AS d LEFT JOIN visits AS v ON v.doctor_id = d.id GROUP BY d.specialty;

-- schema: clinic
-- reference, unordered
SELECT outcome, COUNT(*) AS n, ROUND(COUNT(*) * 100.0 / (SELECT COUNT(*) FROM visits), 1) AS percent
FROM visits GROUP BY outcome;
-- equivalent: a window over the groups
SELECT outcome, COUNT(*), ROUND(COUNT(*) * 100.0 / SUM(COUNT(*)) OVER (), 1) FROM visits GROUP BY outcome;
-- equivalent: the hundred first, columns moved
SELECT ROUND(100.0 * COUNT(id) / (SELECT COUNT(id) FROM visits), 1), outcome, COUNT(id) FROM visits GROUP BY outcome;
-- equivalent: all rows numbered before they are grouped
SELECT outcome, COUNT(*), ROUND(COUNT(*) * 100.0 / MAX(n), 1) FROM (SELECT outcome, COUNT(*) OVER () AS n FROM visits)
GROUP BY outcome;
-- different: integer division
SELECT outcome, COUNT(*), ROUND(COUNT(*) / (SELECT COUNT(*) FROM visits) * 100.0, 1) FROM visits GROUP BY outcome;
-- different: integer division by the hundred
SELECT outcome, COUNT(*), COUNT(*) * 100 / (SELECT COUNT(*) FROM visits) FROM visits GROUP BY outcome;
-- different: not rounded
SELECT outcome, COUNT(*), COUNT(*) * 100.0 / (SELECT COUNT(*) FROM visits) FROM visits GROUP BY outcome;
-- different: rounded to whole numbers
SELECT outcome, COUNT(*), ROUND(COUNT(*) * 100.0 / (SELECT COUNT(*) FROM visits)) FROM visits GROUP BY outcome;
-- different: no outcome is not in the whole
SELECT outcome, COUNT(*), ROUND(COUNT(*) * 100.0 / (SELECT COUNT(outcome) FROM visits), 1) FROM visits GROUP BY outcome;
-- different: with a percent sign it is text
SELECT outcome, COUNT(*), ROUND(COUNT(*) * 100.0 / (SELECT COUNT(*) FROM visits), 1) || '%' FROM visits GROUP BY outcome;

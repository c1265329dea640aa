-- Data cleaning. The head of revenue.sql explains the format.

-- schema: shop
-- reference, unordered requires clean_numeric
SELECT id, CLEAN_NUMERIC(price) AS price FROM products;
-- equivalent: every amount read twice is the same
SELECT id, CLEAN_NUMERIC(CLEAN_NUMERIC(price)) FROM products;
-- equivalent: blanks around don't matter
SELECT id, CLEAN_NUMERIC('  ' || price) + 0 FROM products WHERE price IS NULL OR LENGTH(price) < 60
UNION ALL
SELECT id, CLEAN_NUMERIC(price) FROM products WHERE LENGTH(price) >= 60;
-- equivalent: the unreadable apart
SELECT id, NULL FROM products WHERE CLEAN_NUMERIC(price) IS NULL
UNION ALL SELECT id, CLEAN_NUMERIC(price) FROM products WHERE CLEAN_NUMERIC(price) IS NOT NULL;
-- different: CAST
SELECT id, CAST(price AS REAL) FROM products;
-- different: the text as it is
SELECT id, price FROM products;
-- different: symbols cut off by hand
SELECT id, CAST(REPLACE(REPLACE(REPLACE(price, '$', ''), ',', ''), ' €', '') AS REAL) FROM products;
-- different: zero for what can't be read
SELECT id, COALESCE(CLEAN_NUMERIC(price), 0) FROM products;
-- different: only what can be read
SELECT id, CLEAN_NUMERIC(price) FROM products WHERE CLEAN_NUMERIC(price) IS NOT NULL;
-- different: the sign is lost
SELECT id, ABS(CLEAN_NUMERIC(price)) FROM products;
-- different: whole numbers
SELECT id, CAST(CLEAN_NUMERIC(price) AS INTEGER) FROM products;

-- schema: shop
-- reference, unordered requires clean_numeric
SELECT id, price FROM products WHERE price IS NOT NULL AND CLEAN_NUMERIC(price) IS NULL;
-- equivalent: EXCEPT of those that can be read
SELECT id, price FROM products WHERE price NOTNULL EXCEPT SELECT id, price FROM products WHERE CLEAN_NUMERIC(price) NOTNULL;
-- equivalent: De Morgan
SELECT id, price FROM products WHERE NOT (price IS NULL OR CLEAN_NUMERIC(price) IS NOT NULL);
-- equivalent: typeof
SELECT id, price FROM products WHERE typeof(price) <> 'null' AND typeof(CLEAN_NUMERIC(price)) = 'null';
-- equivalent: a comparison that is NULL
SELECT id, price FROM products WHERE (CLEAN_NUMERIC(price) = 0) IS NULL AND price = price;
-- different: NULL itself comes in
SELECT id, price FROM products WHERE CLEAN_NUMERIC(price) IS NULL;
-- different: CAST gives zero for junk, and for zero
SELECT id, price FROM products WHERE CAST(price AS REAL) = 0;
-- different: the empty text only
SELECT id, price FROM products WHERE price = '';
-- different: what does not begin with a digit
SELECT id, price FROM products WHERE price NOT GLOB '[0-9]*';
-- different: compared with NULL by =
SELECT id, price FROM products WHERE price <> NULL AND CLEAN_NUMERIC(price) = NULL;

-- schema: shop
-- reference, unordered
SELECT id, COALESCE(stock, 0) AS stock FROM products;
-- equivalent: CASE
SELECT id, CASE WHEN stock IS NULL THEN 0 ELSE stock END FROM products;
-- equivalent: IFNULL and the other order
SELECT IFNULL(stock, 0), id FROM products;
-- equivalent: IIF
SELECT id, IIF(stock IS NOT NULL, stock, 0) FROM products;
-- equivalent: a real zero equals an integer zero
SELECT id, COALESCE(stock, 0.0) FROM products;
-- equivalent: TOTAL of one
SELECT id, TOTAL(stock) FROM products GROUP BY id;
-- different: NULL stays
SELECT id, stock FROM products;
-- different: rows are dropped
SELECT id, stock FROM products WHERE stock IS NOT NULL;
-- different: zero becomes NULL
SELECT id, NULLIF(stock, 0) FROM products;
-- different: the text '0'
SELECT id, COALESCE(stock, '0') FROM products;
-- different: CASE with a comparison that is never true
SELECT id, CASE stock WHEN NULL THEN 0 ELSE stock END FROM products;
-- different: minus one
SELECT id, COALESCE(stock, -1) FROM products;

-- schema: shop
-- reference, unordered
SELECT AVG(stock) FROM products;
-- equivalent: divided as reals
SELECT SUM(stock) * 1.0 / COUNT(stock) FROM products;
-- equivalent: TOTAL by count, NULL if there is none
SELECT TOTAL(stock) / NULLIF(COUNT(stock), 0) FROM products;
-- different: integer division
SELECT SUM(stock) / COUNT(stock) FROM products;
-- different: NULL counts as zero
SELECT AVG(COALESCE(stock, 0)) FROM products;
-- different: all rows
SELECT SUM(stock) * 1.0 / COUNT(*) FROM products;
-- different: zero for none
SELECT COALESCE(AVG(stock), 0) FROM products;
-- different: without those out of stock
SELECT AVG(stock) FROM products WHERE stock > 0;

-- schema: shop
-- reference, unordered
SELECT LOWER(TRIM(title)) AS title, COUNT(*) AS copies FROM products GROUP BY LOWER(TRIM(title)) HAVING COUNT(*) > 1;
-- equivalent: lowered before it is trimmed
SELECT TRIM(LOWER(title)) AS t, COUNT(id) FROM products GROUP BY t HAVING COUNT(id) >= 2;
-- equivalent: trimmed at either side apart
SELECT t, n FROM (SELECT LOWER(LTRIM(RTRIM(title))) AS t, COUNT(*) AS n FROM products GROUP BY 1) WHERE n <> 1;
-- equivalent: a window
SELECT DISTINCT t, n FROM (SELECT LOWER(TRIM(title)) AS t, COUNT(*) OVER (PARTITION BY LOWER(TRIM(title))) AS n FROM products)
WHERE n > 1;
-- different: case matters
SELECT TRIM(title), COUNT(*) FROM products GROUP BY TRIM(title) HAVING COUNT(*) > 1;
-- different: grouped as it is, shown clean
SELECT LOWER(TRIM(title)), COUNT(*) FROM products GROUP BY title HAVING COUNT(*) > 1;
-- different: one is enough
SELECT LOWER(TRIM(title)), COUNT(*) FROM products GROUP BY LOWER(TRIM(title)) HAVING COUNT(*) >= 1;
-- different: upper case is shown
SELECT UPPER(TRIM(title)), COUNT(*) FROM products GROUP BY UPPER(TRIM(title)) HAVING COUNT(*) > 1;
-- different: copies beyond the first
SELECT LOWER(TRIM(title)), COUNT(*) - 1 FROM products GROUP BY LOWER(TRIM(title)) HAVING COUNT(*) > 1;

-- schema: shop
-- reference, unordered
SELECT DISTINCT UPPER(segment) AS segment FROM customers WHERE segment IS NOT NULL AND TRIM(segment) <> '';
-- equivalent: GROUP BY
SELECT UPPER(segment) FROM customers WHERE LENGTH(TRIM(segment)) > 0 GROUP BY UPPER(segment);
-- equivalent: NULLIF makes both one
SELECT UPPER(segment) AS s FROM customers WHERE NULLIF(TRIM(segment), '') IS NOT NULL GROUP BY s;
-- equivalent: the comparison alone drops NULL
SELECT DISTINCT UPPER(segment) FROM customers WHERE TRIM(segment) <> '';
-- equivalent: INTERSECT makes them distinct
SELECT UPPER(segment) FROM customers WHERE TRIM(segment) != '' INTERSECT SELECT UPPER(segment) FROM customers;
-- different: each written form
SELECT DISTINCT segment FROM customers WHERE segment IS NOT NULL AND TRIM(segment) <> '';
-- different: distinct before the case is folded
SELECT UPPER(segment) FROM (SELECT DISTINCT segment FROM customers WHERE TRIM(segment) <> '');
-- different: NULL stays
SELECT DISTINCT UPPER(segment) FROM customers WHERE segment IS NULL OR TRIM(segment) <> '';
-- different: the empty text stays
SELECT DISTINCT UPPER(segment) FROM customers WHERE segment IS NOT NULL;
-- different: all of them
SELECT UPPER(segment) FROM customers WHERE segment IS NOT NULL AND TRIM(segment) <> '';

-- schema: shop
-- reference, unordered
SELECT o.id FROM orders AS o WHERE NOT EXISTS (SELECT 1 FROM customers AS c WHERE c.id = o.customer_id);
-- equivalent: NOT IN on a key
SELECT id FROM orders WHERE customer_id NOT IN (SELECT id FROM customers);
-- equivalent: LEFT JOIN
SELECT o.id FROM orders AS o LEFT JOIN customers AS c ON c.id = o.customer_id WHERE c.name IS NULL;
-- equivalent: EXCEPT
SELECT id FROM orders EXCEPT SELECT o.id FROM orders AS o JOIN customers AS c ON c.id = o.customer_id;
-- different: a reference that is not NULL may dangle all the same
SELECT id FROM orders WHERE customer_id IS NULL;
-- different: a column that may be NULL shows nothing
SELECT o.id FROM orders AS o LEFT JOIN customers AS c ON c.id = o.customer_id WHERE c.city IS NULL;
-- different: customers without orders
SELECT c.id FROM customers AS c LEFT JOIN orders AS o ON o.customer_id = c.id WHERE o.id IS NULL;
-- different: each missing customer
SELECT customer_id FROM orders WHERE customer_id NOT IN (SELECT id FROM customers);
-- different: each missing customer once
SELECT MIN(id) FROM orders WHERE customer_id NOT IN (SELECT id FROM customers) GROUP BY customer_id;

-- schema: shop
-- reference, unordered
SELECT COUNT(*) AS all_rows, COUNT(status) AS with_status, COUNT(*) - COUNT(status) AS without_status FROM orders;
-- equivalent: sums of truths
SELECT COUNT(id), COUNT(*) FILTER (WHERE status IS NOT NULL), TOTAL(status IS NULL) FROM orders;
-- equivalent: three subqueries
SELECT (SELECT COUNT(*) FROM orders), (SELECT COUNT(*) FROM orders WHERE status IS NOT NULL),
       (SELECT COUNT(*) FROM orders WHERE status IS NULL);
-- equivalent: another order of the columns
SELECT COUNT(*) - COUNT(status), COUNT(*), COUNT(status) FROM orders;
-- different: NULL for an empty table
SELECT COUNT(*), SUM(status IS NOT NULL), SUM(status IS NULL) FROM orders;
-- different: different statuses
SELECT COUNT(*), COUNT(DISTINCT status), COUNT(*) - COUNT(DISTINCT status) FROM orders;
-- different: the empty text for NULL
SELECT COUNT(*), COUNT(NULLIF(status, '')), COUNT(*) - COUNT(NULLIF(status, '')) FROM orders;
-- different: another column
SELECT COUNT(*), COUNT(total), COUNT(*) - COUNT(total) FROM orders;
-- different: without the last one
SELECT COUNT(*), COUNT(status) FROM orders;

-- schema: shop
-- reference, unordered
SELECT COUNT(DISTINCT city) FROM customers;
-- equivalent: DISTINCT below, without NULL
SELECT COUNT(*) FROM (SELECT DISTINCT city FROM customers WHERE city IS NOT NULL);
-- equivalent: COUNT skips the NULL
SELECT COUNT(city) FROM (SELECT city FROM customers GROUP BY city);
-- equivalent: as a sum of ones
SELECT COALESCE(SUM(1), 0) FROM (SELECT city FROM customers WHERE city NOTNULL UNION SELECT city FROM customers WHERE city NOTNULL);
-- different: NULL counts
SELECT COUNT(*) FROM (SELECT DISTINCT city FROM customers);
-- different: not distinct
SELECT COUNT(city) FROM customers;
-- different: case folded
SELECT COUNT(DISTINCT LOWER(city)) FROM customers;
-- different: by length
SELECT COUNT(DISTINCT LENGTH(city)) FROM customers;

-- schema: clinic
-- reference, unordered
SELECT id, SUBSTR(name, 1, 1) AS initial FROM patients WHERE name LIKE 'm%';
-- equivalent: lowered and compared
SELECT id, SUBSTR(name, 1, 1) FROM patients WHERE LOWER(SUBSTR(name, 1, 1)) = 'm';
-- equivalent: GLOB with both cases
SELECT id, SUBSTR(name, 1, 1) FROM patients WHERE name GLOB '[mM]*';
-- equivalent: OR of both cases
SELECT id, SUBSTR(name, 0, 2) FROM patients WHERE SUBSTR(name, 1, 1) = 'm' OR SUBSTR(name, 1, 1) = 'M';
-- different: GLOB minds case
SELECT id, SUBSTR(name, 1, 1) FROM patients WHERE name GLOB 'm*';
-- different: anywhere in the name
SELECT id, SUBSTR(name, 1, 1) FROM patients WHERE name LIKE '%m%';
-- different: one letter after it
SELECT id, SUBSTR(name, 1, 1) FROM patients WHERE name LIKE 'm_';
-- different: two letters
SELECT id, SUBSTR(name, 1, 2) FROM patients WHERE name LIKE 'm%';
-- different: ends with it
SELECT id, SUBSTR(name, -1) FROM patients WHERE name LIKE 'm%';

-- schema: clinic
-- reference, unordered requires clean_numeric
SELECT id, outcome FROM visits WHERE CLEAN_NUMERIC(fee) < 0;
-- equivalent: the sign
SELECT id, outcome FROM visits WHERE SIGN(CLEAN_NUMERIC(fee)) = -1;
-- equivalent: smaller than its own absolute value
SELECT id, outcome FROM visits WHERE ABS(CLEAN_NUMERIC(fee)) > CLEAN_NUMERIC(fee);
-- equivalent: a correlated scalar
SELECT id, outcome FROM visits WHERE (SELECT CLEAN_NUMERIC(fee) < 0);
-- different: only a written minus
SELECT id, outcome FROM visits WHERE fee LIKE '-%';
-- different: only parentheses
SELECT id, outcome FROM visits WHERE fee LIKE '(%)';
-- different: CAST knows no parentheses
SELECT id, outcome FROM visits WHERE CAST(fee AS REAL) < 0;
-- different: zero as well
SELECT id, outcome FROM visits WHERE CLEAN_NUMERIC(fee) <= 0;
-- different: what can't be read as well
SELECT id, outcome FROM visits WHERE COALESCE(CLEAN_NUMERIC(fee), -1) < 0;

-- schema: clinic
-- reference, unordered
SELECT COALESCE(p.name, 'unknown') AS patient, v.visited_on
FROM visits AS v LEFT JOIN patients AS p ON p.id = v.patient_id;
-- equivalent: a subquery in COALESCE
SELECT IFNULL((SELECT name FROM patients WHERE id = patient_id), 'unknown'), visited_on FROM visits;
-- equivalent: known and unknown apart
SELECT p.name, v.visited_on FROM visits v JOIN patients p ON p.id = v.patient_id
UNION ALL
SELECT 'unknown', visited_on FROM visits WHERE patient_id IS NULL OR patient_id NOT IN (SELECT id FROM patients);
-- equivalent: CASE
SELECT v.visited_on, CASE WHEN p.id IS NULL THEN 'unknown' ELSE p.name END
FROM visits AS v LEFT JOIN patients AS p ON v.patient_id = p.id;
-- different: references that dangle are lost
SELECT p.name, v.visited_on FROM visits v JOIN patients p ON p.id = v.patient_id
UNION ALL
SELECT 'unknown', visited_on FROM visits WHERE patient_id IS NULL;
-- different: UNION makes one of equal rows
SELECT p.name, v.visited_on FROM visits v JOIN patients p ON p.id = v.patient_id
UNION
SELECT 'unknown', visited_on FROM visits WHERE patient_id IS NULL OR patient_id NOT IN (SELECT id FROM patients);
-- different: NULL for the unknown
SELECT p.name, v.visited_on FROM visits AS v LEFT JOIN patients AS p ON p.id = v.patient_id;
-- different: NULLs in NOT IN
SELECT p.name, v.visited_on FROM visits v JOIN patients p ON p.id = v.patient_id
UNION ALL
SELECT 'unknown', visited_on FROM visits WHERE patient_id NOT IN (SELECT id FROM patients);

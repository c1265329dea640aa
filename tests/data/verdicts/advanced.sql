-- Advanced patterns: sets, ranks, recursion, correlated subqueries, conditions of three values.
-- The head of revenue.sql explains the format.

-- schema: shop
-- reference, unordered requires window
SELECT id, customer_id, ordered_on FROM (
  SELECT id, customer_id, ordered_on, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY ordered_on DESC, id DESC) AS n
  FROM orders
) WHERE n = 1;
-- equivalent: no later order, by a row value
SELECT o.id, o.customer_id, o.ordered_on FROM orders AS o
WHERE NOT EXISTS (SELECT 1 FROM orders l WHERE l.customer_id = o.customer_id AND (l.ordered_on, l.id) > (o.ordered_on, o.id));
-- equivalent: the first of a sorted subquery
SELECT id, customer_id, ordered_on FROM orders AS o
WHERE id = (SELECT l.id FROM orders l WHERE l.customer_id = o.customer_id ORDER BY l.ordered_on DESC, l.id DESC LIMIT 1);
-- equivalent: RANK, since the keys are unique
WITH r AS (SELECT *, RANK() OVER (PARTITION BY customer_id ORDER BY ordered_on DESC, id DESC) AS k FROM orders)
SELECT ordered_on, customer_id, id FROM r WHERE k < 2;
-- equivalent: the last one of the ascending order
SELECT id, customer_id, ordered_on FROM (
  SELECT *, LEAD(id) OVER (PARTITION BY customer_id ORDER BY ordered_on, id) AS later FROM orders
) WHERE later IS NULL;
-- different: the smallest id of the last day
SELECT id, customer_id, ordered_on FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY ordered_on DESC, id) AS n FROM orders) WHERE n = 1;
-- different: all orders of the last day
SELECT id, customer_id, ordered_on FROM (
  SELECT *, RANK() OVER (PARTITION BY customer_id ORDER BY ordered_on DESC) AS n FROM orders) WHERE n = 1;
-- different: the largest id
SELECT MAX(id), customer_id, ordered_on FROM orders GROUP BY customer_id;
-- different: largest id and last day from different rows
SELECT MAX(id), customer_id, MAX(ordered_on) FROM orders GROUP BY customer_id;
-- different: the first order
SELECT id, customer_id, ordered_on FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY ordered_on, id) AS n FROM orders) WHERE n = 1;
-- different: one for all customers
SELECT id, customer_id, ordered_on FROM orders ORDER BY ordered_on DESC, id DESC LIMIT 1;
-- different: the second as well
SELECT id, customer_id, ordered_on FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY ordered_on DESC, id DESC) AS n FROM orders) WHERE n <= 2;

-- schema: shop
-- reference, unordered requires window
SELECT id, stock, RANK() OVER (ORDER BY stock DESC) AS place FROM products WHERE stock IS NOT NULL;
-- equivalent: one more than those with more
SELECT id, stock, 1 + (SELECT COUNT(*) FROM products AS m WHERE m.stock > p.stock) FROM products AS p WHERE stock IS NOT NULL;
-- equivalent: a join and a count
SELECT p.id, p.stock, COUNT(m.id) + 1 FROM products p LEFT JOIN products m ON m.stock > p.stock
WHERE p.stock IS NOT NULL GROUP BY p.id, p.stock;
-- equivalent: the smallest row number among ties
SELECT id, stock, MIN(n) OVER (PARTITION BY stock) FROM (
  SELECT id, stock, ROW_NUMBER() OVER (ORDER BY stock DESC) AS n FROM products WHERE stock NOTNULL
);
-- equivalent: NULLs are last in descending order, and dropped after it
SELECT * FROM (SELECT id, stock, RANK() OVER (ORDER BY stock DESC) FROM products) WHERE stock IS NOT NULL;
-- different: DENSE_RANK
SELECT id, stock, DENSE_RANK() OVER (ORDER BY stock DESC) FROM products WHERE stock IS NOT NULL;
-- different: ROW_NUMBER
SELECT id, stock, ROW_NUMBER() OVER (ORDER BY stock DESC) FROM products WHERE stock IS NOT NULL;
-- different: ascending, where NULLs come first
SELECT id, stock, RANK() OVER (ORDER BY stock) FROM products WHERE stock IS NOT NULL;
-- different: at least as much, so ties get the largest place
SELECT id, stock, (SELECT COUNT(*) FROM products AS m WHERE m.stock >= p.stock) FROM products AS p WHERE stock IS NOT NULL;
-- different: different values with more
SELECT id, stock, 1 + (SELECT COUNT(DISTINCT stock) FROM products AS m WHERE m.stock > p.stock) FROM products AS p
WHERE stock IS NOT NULL;
-- different: starts at zero
SELECT id, stock, RANK() OVER (ORDER BY stock DESC) - 1 FROM products WHERE stock IS NOT NULL;
-- different: ranked by category
SELECT id, stock, RANK() OVER (PARTITION BY category ORDER BY stock DESC) FROM products WHERE stock IS NOT NULL;

-- schema: shop
-- reference, unordered requires cte
WITH RECURSIVE tree (id, depth) AS (
  SELECT id, 0 FROM customers WHERE id = 1
  UNION
  SELECT c.id, t.depth + 1 FROM tree AS t JOIN customers AS c ON c.referrer_id = t.id WHERE t.depth < 3
)
SELECT id, depth FROM tree;
-- equivalent: three joins spelled out
WITH a AS (SELECT id FROM customers WHERE id = 1),
     b AS (SELECT DISTINCT c.id FROM customers c WHERE c.referrer_id IN (SELECT id FROM a)),
     d AS (SELECT DISTINCT c.id FROM customers c WHERE c.referrer_id IN (SELECT id FROM b)),
     e AS (SELECT DISTINCT c.id FROM customers c WHERE c.referrer_id IN (SELECT id FROM d))
SELECT id, 0 FROM a UNION ALL SELECT id, 1 FROM b UNION ALL SELECT id, 2 FROM d UNION ALL SELECT id, 3 FROM e;
-- equivalent: UNION ALL, and DISTINCT at the end
WITH RECURSIVE tree AS (
  SELECT 0 AS depth, id FROM customers WHERE id = 1
  UNION ALL
  SELECT depth + 1, c.id FROM customers c JOIN tree ON tree.id = c.referrer_id WHERE depth + 1 <= 3
)
SELECT DISTINCT depth, id FROM tree;
-- different: one level too many
WITH RECURSIVE tree (id, depth) AS (
  SELECT id, 0 FROM customers WHERE id = 1 UNION
  SELECT c.id, t.depth + 1 FROM tree AS t JOIN customers AS c ON c.referrer_id = t.id WHERE t.depth <= 3
) SELECT id, depth FROM tree;
-- different: the root counts as one
WITH RECURSIVE tree (id, depth) AS (
  SELECT id, 1 FROM customers WHERE id = 1 UNION
  SELECT c.id, t.depth + 1 FROM tree AS t JOIN customers AS c ON c.referrer_id = t.id WHERE t.depth < 4
) SELECT id, depth FROM tree;
-- different: upwards
WITH RECURSIVE tree (id, depth) AS (
  SELECT id, 0 FROM customers WHERE id = 1 UNION
  SELECT c.referrer_id, t.depth + 1 FROM tree AS t JOIN customers AS c ON c.id = t.id WHERE t.depth < 3
) SELECT id, depth FROM tree;
-- different: without the root
WITH RECURSIVE tree (id, depth) AS (
  SELECT id, 1 FROM customers WHERE referrer_id = 1 UNION
  SELECT c.id, t.depth + 1 FROM tree AS t JOIN customers AS c ON c.referrer_id = t.id WHERE t.depth < 3
) SELECT id, depth FROM tree;
-- different: all who have no referrer are roots
WITH RECURSIVE tree (id, depth) AS (
  SELECT id, 0 FROM customers WHERE referrer_id IS NULL UNION
  SELECT c.id, t.depth + 1 FROM tree AS t JOIN customers AS c ON c.referrer_id = t.id WHERE t.depth < 3
) SELECT id, depth FROM tree;

-- schema: shop
-- reference, unordered
SELECT customer_id FROM orders WHERE status = 'paid'
UNION
SELECT referrer_id FROM customers WHERE referrer_id IS NOT NULL;
-- equivalent: the other way round
SELECT referrer_id FROM customers WHERE referrer_id NOTNULL UNION SELECT customer_id FROM orders WHERE status = 'paid';
-- equivalent: DISTINCT over UNION ALL
SELECT DISTINCT x FROM (SELECT customer_id AS x FROM orders WHERE status = 'paid'
                        UNION ALL SELECT referrer_id FROM customers) WHERE x IS NOT NULL;
-- equivalent: two parts that don't overlap
SELECT DISTINCT customer_id FROM orders WHERE status = 'paid'
UNION ALL
SELECT DISTINCT referrer_id FROM customers
WHERE referrer_id IS NOT NULL AND referrer_id NOT IN (SELECT customer_id FROM orders WHERE status = 'paid');
-- different: UNION ALL
SELECT customer_id FROM orders WHERE status = 'paid' UNION ALL SELECT referrer_id FROM customers WHERE referrer_id IS NOT NULL;
-- different: NULL comes in
SELECT customer_id FROM orders WHERE status = 'paid' UNION SELECT referrer_id FROM customers;
-- different: INTERSECT
SELECT customer_id FROM orders WHERE status = 'paid' INTERSECT SELECT referrer_id FROM customers;
-- different: EXCEPT
SELECT customer_id FROM orders WHERE status = 'paid' EXCEPT SELECT referrer_id FROM customers WHERE referrer_id IS NOT NULL;
-- different: only customers that exist
SELECT id FROM customers WHERE id IN (SELECT customer_id FROM orders WHERE status = 'paid')
UNION SELECT referrer_id FROM customers WHERE referrer_id IN (SELECT id FROM customers);

-- schema: shop
-- reference, unordered
SELECT o.id FROM orders AS o
WHERE (SELECT COUNT(*) FROM order_items AS i WHERE i.order_id = o.id) >= 2;
-- equivalent: GROUP BY and HAVING
SELECT o.id FROM orders o JOIN order_items i ON i.order_id = o.id GROUP BY o.id HAVING COUNT(*) > 1;
-- equivalent: two lines with different products
SELECT DISTINCT o.id FROM orders o JOIN order_items a ON a.order_id = o.id
JOIN order_items b ON b.order_id = o.id AND b.product_id > a.product_id;
-- equivalent: the smallest product is not the largest
SELECT id FROM orders WHERE id IN (SELECT order_id FROM order_items GROUP BY order_id HAVING MIN(product_id) <> MAX(product_id));
-- equivalent: EXISTS in EXISTS
SELECT id FROM orders o WHERE EXISTS (SELECT 1 FROM order_items a WHERE a.order_id = o.id
  AND EXISTS (SELECT 1 FROM order_items b WHERE b.order_id = a.order_id AND b.product_id <> a.product_id));
-- different: lines without an order
SELECT order_id FROM order_items GROUP BY order_id HAVING COUNT(*) >= 2;
-- different: at least two pieces
SELECT o.id FROM orders o JOIN order_items i ON i.order_id = o.id GROUP BY o.id HAVING SUM(i.quantity) >= 2;
-- different: three
SELECT o.id FROM orders o JOIN order_items i ON i.order_id = o.id GROUP BY o.id HAVING COUNT(*) > 2;
-- different: missing DISTINCT in the self-join
SELECT o.id FROM orders o JOIN order_items a ON a.order_id = o.id
JOIN order_items b ON b.order_id = o.id AND b.product_id <> a.product_id;
-- different: a row for each line
SELECT id FROM (SELECT o.id, COUNT(*) OVER (PARTITION BY o.id) AS n FROM orders o JOIN order_items i ON i.order_id = o.id)
WHERE n >= 2;

-- schema: shop
-- reference, unordered requires clean_numeric
SELECT o.id FROM orders AS o
WHERE CLEAN_NUMERIC(o.total) > (SELECT AVG(CLEAN_NUMERIC(p.total)) + 1 FROM orders AS p WHERE p.customer_id = o.customer_id);
-- equivalent: a window
SELECT id FROM (SELECT id, CLEAN_NUMERIC(total) AS a, AVG(CLEAN_NUMERIC(total)) OVER (PARTITION BY customer_id) AS m FROM orders)
WHERE a > m + 1;
-- equivalent: the averages in a CTE
WITH m AS (SELECT customer_id, AVG(CLEAN_NUMERIC(total)) AS m FROM orders GROUP BY customer_id)
SELECT o.id FROM orders o JOIN m USING (customer_id) WHERE m.m + 1 < CLEAN_NUMERIC(o.total);
-- equivalent: IN for equality with the correlated key
SELECT id FROM orders o WHERE CLEAN_NUMERIC(total) > 1 + (SELECT SUM(CLEAN_NUMERIC(total)) / COUNT(CLEAN_NUMERIC(total))
  FROM orders WHERE customer_id IN (o.customer_id));
-- different: the average of all
SELECT id FROM orders WHERE CLEAN_NUMERIC(total) > (SELECT AVG(CLEAN_NUMERIC(total)) + 1 FROM orders);
-- different: a correlation of the inner table with itself
SELECT o.id FROM orders AS o
WHERE CLEAN_NUMERIC(o.total) > (SELECT AVG(CLEAN_NUMERIC(p.total)) + 1 FROM orders AS p WHERE p.customer_id = customer_id);
-- different: NULL counts as zero
SELECT o.id FROM orders AS o WHERE CLEAN_NUMERIC(o.total) > (
  SELECT AVG(COALESCE(CLEAN_NUMERIC(p.total), 0)) + 1 FROM orders AS p WHERE p.customer_id = o.customer_id);
-- different: smaller
SELECT o.id FROM orders AS o WHERE CLEAN_NUMERIC(o.total) < (
  SELECT AVG(CLEAN_NUMERIC(p.total)) + 1 FROM orders AS p WHERE p.customer_id = o.customer_id);
-- different: above the customer's others only
SELECT o.id FROM orders AS o WHERE CLEAN_NUMERIC(o.total) > (
  SELECT AVG(CLEAN_NUMERIC(p.total)) + 1 FROM orders AS p WHERE p.customer_id = o.customer_id AND p.id <> o.id);

-- schema: shop
-- reference, unordered
SELECT p.id FROM products AS p
WHERE NOT EXISTS (SELECT 1 FROM order_items AS i WHERE i.product_id = p.id AND i.quantity < 2);
-- equivalent: NOT IN, on columns without NULLs
SELECT id FROM products WHERE id NOT IN (SELECT product_id FROM order_items WHERE quantity < 2);
-- equivalent: the smallest quantity, or none
SELECT id FROM products p WHERE COALESCE((SELECT MIN(quantity) FROM order_items WHERE product_id = p.id), 2) >= 2;
-- equivalent: all and large are as many
SELECT p.id FROM products p LEFT JOIN order_items i ON i.product_id = p.id GROUP BY p.id
HAVING COUNT(i.order_id) = COUNT(CASE WHEN i.quantity >= 2 THEN 1 END);
-- equivalent: EXCEPT
SELECT id FROM products EXCEPT SELECT product_id FROM order_items WHERE NOT quantity >= 2;
-- different: some line is large
SELECT p.id FROM products AS p WHERE EXISTS (SELECT 1 FROM order_items AS i WHERE i.product_id = p.id AND i.quantity >= 2);
-- different: products never sold are lost
SELECT product_id FROM order_items JOIN products ON products.id = product_id GROUP BY product_id HAVING MIN(quantity) >= 2;
-- different: two is too few
SELECT p.id FROM products AS p WHERE NOT EXISTS (SELECT 1 FROM order_items i WHERE i.product_id = p.id AND i.quantity <= 2);
-- different: the largest quantity
SELECT id FROM products p WHERE COALESCE((SELECT MAX(quantity) FROM order_items WHERE product_id = p.id), 2) >= 2;
-- different: no correlation
SELECT p.id FROM products AS p WHERE NOT EXISTS (SELECT 1 FROM order_items AS i WHERE i.quantity < 2);
-- different: an empty result
SELECT id FROM products WHERE id IS NULL;

-- schema: shop
-- reference, unordered
SELECT id FROM orders WHERE status = 'paid' AND (discount > 0.1 OR discount IS NULL);
-- equivalent: De Morgan
SELECT id FROM orders WHERE status = 'paid' AND NOT (discount <= 0.1 AND discount IS NOT NULL);
-- equivalent: distributed
SELECT id FROM orders WHERE (status = 'paid' AND discount > 0.1) OR (status = 'paid' AND discount IS NULL);
-- equivalent: UNION of keys for OR
SELECT id FROM orders WHERE status = 'paid' AND discount > 0.1
UNION SELECT id FROM orders WHERE status = 'paid' AND discount IS NULL;
-- equivalent: IS NOT TRUE
SELECT id FROM orders WHERE status = 'paid' AND (discount <= 0.1) IS NOT TRUE;
-- equivalent: CASE
SELECT id FROM orders WHERE CASE WHEN status = 'paid' THEN COALESCE(discount > 0.1, 1) ELSE 0 END;
-- equivalent: INTERSECT
SELECT id FROM orders WHERE status = 'paid' INTERSECT SELECT id FROM orders WHERE discount IS NULL OR 0.1 < discount;
-- different: parentheses forgotten
SELECT id FROM orders WHERE status = 'paid' AND discount > 0.1 OR discount IS NULL;
-- different: NULL is lost
SELECT id FROM orders WHERE status = 'paid' AND NOT discount <= 0.1;
-- different: exactly a tenth
SELECT id FROM orders WHERE status = 'paid' AND (discount >= 0.1 OR discount IS NULL);
-- different: NULL counts as zero
SELECT id FROM orders WHERE status = 'paid' AND COALESCE(discount, 0) > 0.1;
-- different: no status comes in
SELECT id FROM orders WHERE COALESCE(status, 'paid') = 'paid' AND (discount > 0.1 OR discount IS NULL);

-- schema: meters
-- reference, ordered requires window
SELECT site, COUNT(*) AS days, DENSE_RANK() OVER (ORDER BY COUNT(*) DESC) AS place FROM readings GROUP BY site ORDER BY place, site;
-- equivalent: a CTE, then the window
WITH n AS (SELECT site, COUNT(*) AS n FROM readings GROUP BY site)
SELECT site, n, DENSE_RANK() OVER (ORDER BY n DESC) AS p FROM n ORDER BY p, site;
-- equivalent: different larger counts
WITH n AS (SELECT site, COUNT(day) AS n FROM readings GROUP BY site)
SELECT site, n, (SELECT COUNT(DISTINCT m.n) FROM n AS m WHERE m.n >= n.n) AS p FROM n ORDER BY p, site;
-- equivalent: sorted by the count, which is the same order
SELECT site, COUNT(*) AS n, DENSE_RANK() OVER (ORDER BY COUNT(*) DESC) FROM readings GROUP BY site ORDER BY n DESC, site;
-- different: RANK leaves gaps
SELECT site, COUNT(*), RANK() OVER (ORDER BY COUNT(*) DESC) AS place FROM readings GROUP BY site ORDER BY place, site;
-- different: ties in the other order
SELECT site, COUNT(*), DENSE_RANK() OVER (ORDER BY COUNT(*) DESC) AS place FROM readings GROUP BY site ORDER BY place, site DESC;
-- different: sorted by site
SELECT site, COUNT(*), DENSE_RANK() OVER (ORDER BY COUNT(*) DESC) AS place FROM readings GROUP BY site ORDER BY site;
-- different: only what was measured counts
SELECT site, COUNT(kwh), DENSE_RANK() OVER (ORDER BY COUNT(kwh) DESC) AS place FROM readings GROUP BY site ORDER BY place, site;
-- different: the fewest first
SELECT site, COUNT(*), DENSE_RANK() OVER (ORDER BY COUNT(*)) AS place FROM readings GROUP BY site ORDER BY place, site;

-- schema: meters
-- reference, unordered
SELECT s.code FROM sites AS s WHERE EXISTS (SELECT 1 FROM readings AS r WHERE r.site = s.code AND r.kwh > 10)
AND EXISTS (SELECT 1 FROM incidents AS i WHERE i.site = s.code);
-- equivalent: IN twice
SELECT code FROM sites WHERE code IN (SELECT site FROM incidents) AND code IN (SELECT site FROM readings WHERE kwh > 10);
-- equivalent: joins, and DISTINCT on the key
SELECT DISTINCT s.code FROM sites s JOIN readings r ON r.site = s.code AND r.kwh > 10 JOIN incidents i ON i.site = s.code;
-- equivalent: INTERSECT
SELECT code FROM sites INTERSECT SELECT site FROM incidents INTERSECT SELECT site FROM readings WHERE kwh > 10;
-- equivalent: the largest reading
SELECT code FROM sites s WHERE (SELECT MAX(kwh) FROM readings WHERE site = s.code) > 10
AND (SELECT COUNT(*) FROM incidents WHERE site = s.code) > 0;
-- different: one of both is enough
SELECT code FROM sites WHERE code IN (SELECT site FROM incidents) OR code IN (SELECT site FROM readings WHERE kwh > 10);
-- different: exactly ten
SELECT code FROM sites WHERE code IN (SELECT site FROM incidents) AND code IN (SELECT site FROM readings WHERE kwh >= 10);
-- different: a row for each pair
SELECT s.code FROM sites s JOIN readings r ON r.site = s.code AND r.kwh > 10 JOIN incidents i ON i.site = s.code;
-- different: sites that are not in their table
SELECT site FROM incidents INTERSECT SELECT site FROM readings WHERE kwh > 10;
-- different: the average reading
SELECT code FROM sites s WHERE (SELECT AVG(kwh) FROM readings WHERE site = s.code) > 10
AND EXISTS (SELECT 1 FROM incidents WHERE site = s.code);

-- schema: meters
-- reference, unordered
SELECT a.site, b.site AS other FROM readings AS a JOIN readings AS b ON a.day = b.day AND a.site < b.site;
-- equivalent: the other side is smaller, which only swaps the columns
SELECT b.site, a.site FROM readings AS a JOIN readings AS b ON a.day = b.day AND a.site > b.site;
-- equivalent: a WHERE over all pairs
SELECT a.site, b.site FROM readings a CROSS JOIN readings b WHERE NOT a.site >= b.site AND b.day IN (a.day);
-- equivalent: each pair twice, then the half
SELECT x, y FROM (SELECT a.site AS x, b.site AS y FROM readings a JOIN readings b USING (day)) WHERE x < y;
-- different: each with itself as well
SELECT a.site, b.site FROM readings AS a JOIN readings AS b ON a.day = b.day AND a.site <= b.site;
-- different: each pair twice
SELECT a.site, b.site FROM readings AS a JOIN readings AS b ON a.day = b.day AND a.site <> b.site;
-- different: pairs once only
SELECT DISTINCT a.site, b.site FROM readings AS a JOIN readings AS b ON a.day = b.day AND a.site < b.site;
-- different: the same number for the same day
SELECT a.site, b.site FROM readings AS a JOIN readings AS b ON a.kwh = b.kwh AND a.site < b.site;
-- different: on any day
SELECT a.site, b.site FROM readings AS a JOIN readings AS b ON a.site < b.site;

-- schema: meters
-- reference, unordered
SELECT kind, MAX(severity) - MIN(severity) AS spread FROM incidents WHERE severity IS NOT NULL GROUP BY kind;
-- equivalent: FIRST_VALUE from both ends
SELECT DISTINCT kind, FIRST_VALUE(severity) OVER (PARTITION BY kind ORDER BY severity DESC)
  - FIRST_VALUE(severity) OVER (PARTITION BY kind ORDER BY severity)
FROM incidents WHERE severity NOTNULL;
-- equivalent: minus the negative's maximum
SELECT kind, MAX(severity) + MAX(-severity) FROM incidents WHERE severity IS NOT NULL GROUP BY kind;
-- equivalent: HAVING drops what is all NULL
SELECT kind, MAX(severity) - MIN(severity) FROM incidents GROUP BY kind HAVING COUNT(severity) > 0;
-- equivalent: the largest difference of any two
SELECT a.kind, MAX(a.severity - b.severity) FROM incidents a JOIN incidents b ON a.kind = b.kind
WHERE a.severity IS NOT NULL AND b.severity IS NOT NULL GROUP BY a.kind;
-- different: the sign
SELECT kind, MIN(severity) - MAX(severity) FROM incidents WHERE severity IS NOT NULL GROUP BY kind;
-- different: kinds without a severity come in
SELECT kind, MAX(severity) - MIN(severity) FROM incidents GROUP BY kind;
-- different: LAST_VALUE with the frame that ends here
SELECT DISTINCT kind, LAST_VALUE(severity) OVER (PARTITION BY kind ORDER BY severity)
  - FIRST_VALUE(severity) OVER (PARTITION BY kind ORDER BY severity) FROM incidents WHERE severity IS NOT NULL;
-- different: a kind with one incident is dropped
SELECT kind, MAX(severity) - MIN(severity) FROM incidents WHERE severity IS NOT NULL GROUP BY kind HAVING COUNT(*) > 1;
-- different: NULL counts as zero
SELECT kind, MAX(COALESCE(severity, 0)) - MIN(COALESCE(severity, 0)) FROM incidents GROUP BY kind HAVING COUNT(severity) > 0;

-- schema: clinic
-- reference, ordered
SELECT d.name, COUNT(DISTINCT v.patient_id) AS patients FROM doctors AS d LEFT JOIN visits AS v ON v.doctor_id = d.id
GROUP BY d.id, d.name ORDER BY patients DESC, d.name;
-- equivalent: a subquery over DISTINCT
SELECT name, (SELECT COUNT(*) FROM (SELECT DISTINCT patient_id FROM visits WHERE doctor_id = d.id AND patient_id NOTNULL)) AS n
FROM doctors d ORDER BY n DESC, name;
-- equivalent: joined with the different pairs; ties of the keys as they come
WITH pairs AS (SELECT doctor_id, patient_id FROM visits GROUP BY 1, 2)
SELECT d.name, COUNT(patient_id) FROM doctors d LEFT JOIN pairs ON doctor_id = d.id GROUP BY d.id ORDER BY 2 DESC, 1, d.id DESC;
-- equivalent: sorted by the negative
SELECT d.name, COUNT(DISTINCT v.patient_id) AS n FROM visits v RIGHT JOIN doctors d ON v.doctor_id = d.id GROUP BY d.id ORDER BY -n, d.name;
-- different: visits, not patients
SELECT d.name, COUNT(v.patient_id) AS n FROM doctors d LEFT JOIN visits v ON v.doctor_id = d.id GROUP BY d.id ORDER BY n DESC, d.name;
-- different: no patient is one as well
SELECT d.name, (SELECT COUNT(*) FROM (SELECT DISTINCT patient_id FROM visits WHERE doctor_id = d.id)) AS n FROM doctors d ORDER BY n DESC, d.name;
-- different: the tie-breaker is missing
SELECT d.name, COUNT(DISTINCT v.patient_id) AS n FROM doctors d LEFT JOIN visits v ON v.doctor_id = d.id GROUP BY d.id ORDER BY n DESC;
-- different: by name only
SELECT d.name, COUNT(DISTINCT v.patient_id) AS n FROM doctors d LEFT JOIN visits v ON v.doctor_id = d.id GROUP BY d.id ORDER BY d.name;
-- different: doctors without visits are lost
SELECT d.name, COUNT(DISTINCT v.patient_id) AS n FROM doctors d JOIN visits v ON v.doctor_id = d.id GROUP BY d.id ORDER BY n DESC, d.name;

-- schema: clinic
-- reference, unordered
SELECT v.id, v.minutes FROM visits AS v WHERE v.minutes > (SELECT AVG(minutes) FROM visits);
-- equivalent: a window
SELECT id, minutes FROM (SELECT id, minutes, AVG(minutes) OVER () AS a FROM visits) WHERE minutes > a;
-- equivalent: multiplied instead of divided
SELECT id, minutes FROM visits WHERE minutes * (SELECT COUNT(minutes) FROM visits) > (SELECT SUM(minutes) FROM visits);
-- equivalent: a cross join with the average
SELECT id, minutes FROM visits, (SELECT AVG(minutes) AS a FROM visits) WHERE a < minutes;
-- different: at least the average
SELECT id, minutes FROM visits WHERE minutes >= (SELECT AVG(minutes) FROM visits);
-- different: whole minutes of the average
SELECT id, minutes FROM visits WHERE minutes > (SELECT SUM(minutes) / COUNT(*) FROM visits);
-- different: the doctor's average
SELECT id, minutes FROM visits AS v WHERE minutes > (SELECT AVG(minutes) FROM visits WHERE doctor_id = v.doctor_id);
-- different: the sample's average
SELECT id, minutes FROM visits WHERE minutes > 36;
-- different: the middle of the extremes
SELECT id, minutes FROM visits WHERE minutes > (SELECT (MAX(minutes) + MIN(minutes)) / 2.0 FROM visits);

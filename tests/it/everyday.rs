//! What people ask in passing of a usual shop, answered by the embedded base as it is.

use std::path::Path;

use serde_json::{Value as Json, json};

use crate::support::antiks;

/// Sixty customers, thirty products, three hundred orders.
const SHOP: &str = "
    CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, city TEXT, country TEXT,
        created_at TEXT);
    CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT, category TEXT, price REAL, stock INTEGER);
    CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers (id), order_date TEXT,
        status TEXT, total REAL);
    CREATE TABLE order_items (id INTEGER PRIMARY KEY, order_id INTEGER REFERENCES orders (id),
        product_id INTEGER REFERENCES products (id), quantity INTEGER, unit_price REAL);
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 59)
    INSERT INTO customers SELECT i + 1,
        json_extract('[\"Anna\",\"Ben\",\"Cleo\",\"Dora\",\"Emil\",\"Fay\",\"Gus\"]', '$[' || (i % 7) || ']') || ' ' ||
        json_extract('[\"Berg\",\"Cole\",\"Diaz\",\"Evans\",\"Frank\",\"Gray\",\"Hill\",\"Ives\",\"Jones\"]', '$[' || (i / 7) || ']'),
        CASE WHEN i % 9 = 4 THEN NULL ELSE 'c' || i || '@example.com' END,
        json_extract('[\"Berlin\",\"Paris\",\"Rome\",\"Oslo\"]', '$[' || (i * i % 11 % 4) || ']'),
        json_extract('[\"DE\",\"FR\",\"IT\",\"NO\"]', '$[' || (i * i % 11 % 4) || ']'),
        date('2022-01-15', '+' || (i * 23) || ' days') FROM n;
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 29)
    INSERT INTO products SELECT i + 1,
        json_extract('[\"Red\",\"Blue\",\"Oak\"]', '$[' || (i % 3) || ']') || ' ' ||
        json_extract('[\"Chair\",\"Lamp\",\"Mug\"]', '$[' || (i / 3 % 3) || ']') || ' ' || (i + 1),
        json_extract('[\"furniture\",\"lighting\",\"kitchen\"]', '$[' || (i / 3 % 3) || ']'),
        5.5 + i * 37 % 211, i * 29 % 60 FROM n;
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 299)
    INSERT INTO orders SELECT i + 1, i * i % 59 + 1, date('2023-02-01', '+' || (i * 3) || ' days'),
        json_extract('[\"open\",\"paid\",\"shipped\",\"paid\",\"cancelled\"]', '$[' || (i * 7 % 5) || ']'),
        10.25 + i * 53 % 890 FROM n;
    WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 699)
    INSERT INTO order_items SELECT i + 1, i * 11 % 300 + 1, i * 13 % 30 + 1, i % 5 + 1, 5.5 + i % 90 FROM n;
";

/// What is asked, and a statement that answers it as most people mean it.
const ASKED: &[(&str, &str)] = &[
    ("List all customers.", "SELECT * FROM customers"),
    ("How many orders are there?", "SELECT COUNT(*) FROM orders"),
    (
        "show all orders with status open",
        "SELECT * FROM orders WHERE status = 'open'",
    ),
    (
        "total of orders by year",
        "SELECT strftime('%Y', order_date) AS year, SUM(total) FROM orders GROUP BY year",
    ),
    (
        "Which 5 products have the highest price?",
        "SELECT name, price FROM products ORDER BY price DESC LIMIT 5",
    ),
    (
        "How many customers are there for each city?",
        "SELECT city, COUNT(*) FROM customers GROUP BY city",
    ),
    (
        "average price per category",
        "SELECT category, AVG(price) FROM products GROUP BY category",
    ),
    (
        "products with stock below 10",
        "SELECT * FROM products WHERE stock < 10",
    ),
    (
        "What is the email of Anna Berg?",
        "SELECT email FROM customers WHERE name = 'Anna Berg'",
    ),
    (
        "customers without email",
        "SELECT * FROM customers WHERE email IS NULL",
    ),
    (
        "newest 5 orders",
        "SELECT * FROM orders ORDER BY order_date DESC LIMIT 5",
    ),
    (
        "How many orders per month?",
        "SELECT strftime('%Y-%m', order_date) AS month, COUNT(*) FROM orders GROUP BY month",
    ),
    (
        "total sales by customer city",
        "SELECT city, SUM(total) FROM orders AS o JOIN customers AS c ON c.id = customer_id GROUP BY city",
    ),
    (
        "Which cities do we have?",
        "SELECT DISTINCT city FROM customers",
    ),
    (
        "What is the total quantity of order items for each product?",
        "SELECT product_id, SUM(quantity) FROM order_items GROUP BY product_id",
    ),
    (
        "List the names of customers in Paris.",
        "SELECT name FROM customers WHERE city = 'Paris'",
    ),
    (
        "orders from 2024",
        "SELECT * FROM orders WHERE strftime('%Y', order_date) = '2024'",
    ),
    (
        "What is the most common status of orders?",
        "SELECT status, COUNT(*) AS n FROM orders GROUP BY status ORDER BY n DESC LIMIT 1",
    ),
];
/// Base 12 answers fifteen of them as they are meant; another class of machine may round an
/// answer or two the other way.
const LEAST: usize = 14;

#[test]
fn everyday_questions_over_a_usual_shop_are_mostly_answered_untaught() {
    let folder = tempfile::tempdir().unwrap();
    let shop = rusqlite::Connection::open(folder.path().join("shop.db")).unwrap();
    shop.execute_batch(SHOP).unwrap();
    let mut right = 0;
    for (question, reference) in ASKED {
        let expected = rows(&shop, reference);
        assert!(!expected.is_empty(), "{question}");
        let answer = ask(folder.path(), question);
        let mut given = answer["rows"].as_array().cloned().unwrap_or_default();
        given.sort_by_key(Json::to_string);
        let is_right = given.len() == expected.len()
            && given
                .iter()
                .zip(&expected)
                .all(|(one, other)| is_alike(one, other));
        println!(
            "{} {question}: {}",
            if is_right { "+" } else { "-" },
            answer["sql"]
        );
        right += usize::from(is_right);
    }
    assert!(right >= LEAST, "{right} of {}", ASKED.len());
}

fn ask(folder: &Path, question: &str) -> Json {
    let all = ["--db=shop.db", "--adapter=base", "--json", "--max-rows=500"];
    let ran = antiks(folder, &[&["ask", question], &all[..]].concat());
    serde_json::from_str(&ran.stdout).unwrap()
}

/// The rows of a statement as the program shows them, sorted.
fn rows(shop: &rusqlite::Connection, sql: &str) -> Vec<Json> {
    let mut statement = shop.prepare(sql).unwrap();
    let columns = statement.column_count();
    let found = statement.query_map([], |row| {
        let values = (0..columns).map(|place| {
            Ok(match row.get::<_, rusqlite::types::Value>(place)? {
                rusqlite::types::Value::Null => Json::Null,
                rusqlite::types::Value::Integer(value) => json!(value),
                rusqlite::types::Value::Real(value) => json!(value),
                rusqlite::types::Value::Text(text) => json!(text),
                rusqlite::types::Value::Blob(bytes) => json!(bytes),
            })
        });
        values.collect::<rusqlite::Result<Json>>()
    });
    let mut rows: Vec<Json> = found.unwrap().collect::<Result<_, _>>().unwrap();
    rows.sort_by_key(Json::to_string);
    rows
}

/// Whether two rows are equal, but for what adding up in another order does to a sum.
fn is_alike(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| is_alike(a, b))
        }
        _ => match (one.as_f64(), other.as_f64()) {
            (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
            _ => one == other,
        },
    }
}

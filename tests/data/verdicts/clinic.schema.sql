-- A clinic. Fees are text as people type them; dates are ISO text without a time.
CREATE TABLE doctors (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  specialty TEXT,
  hired_on TEXT NOT NULL
);
CREATE TABLE patients (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  birth_date TEXT,
  city TEXT
);
CREATE TABLE visits (
  id INTEGER PRIMARY KEY,
  patient_id INTEGER REFERENCES patients (id),
  doctor_id INTEGER NOT NULL REFERENCES doctors (id),
  visited_on TEXT NOT NULL,
  minutes INTEGER,
  fee TEXT,
  outcome TEXT
);
INSERT INTO doctors VALUES
  (1, 'Imre', 'heart', '2019-06-30'),
  (2, 'Jana', 'skin', '2020-01-01'),
  (3, 'Karl', NULL, '2023-12-31'),
  (4, 'Lena', 'heart', '2024-02-29');
INSERT INTO patients VALUES
  (1, 'Mara', '1980-02-29', 'Bonn'),
  (2, 'Nils', NULL, 'Graz'),
  (3, 'Olga', '2006-01-01', NULL),
  (4, 'Paul', '1958-12-31', 'Bonn');
INSERT INTO visits VALUES
  (1, 1, 1, '2023-12-31', 30, '$80.00', 'cured'),
  (2, 2, 1, '2024-01-01', 15, '80,00 €', 'follow-up'),
  (3, NULL, 2, '2024-01-31', NULL, NULL, NULL),
  (4, 3, 2, '2024-02-29', 45, '1,200', 'referred'),
  (5, 1, 3, '2024-03-01', 30, 'free', 'cured'),
  (6, 4, 1, '2024-03-31', 60, '(20)', 'follow-up');

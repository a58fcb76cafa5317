-- How far each budget was held against the ledger, so that periods that were closed while nobody looked are not passed over.
CREATE TABLE budget_judged (
  budget TEXT PRIMARY KEY,
  done_until BIGINT NOT NULL       -- milliseconds since the epoch: periods that ended by then are done with
);
-- A period was looked at until an hour behind its end was closed.
INSERT INTO budget_judged (budget, done_until)
  SELECT id, (SELECT MAX(bucket) FROM cost_bucket) * 1000 - 2700000 FROM budget WHERE EXISTS (SELECT bucket FROM cost_bucket);

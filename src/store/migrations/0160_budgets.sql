-- What parts of the fleet may cost in a period, and which thresholds of it were told of. Amounts are whole millionths of the
-- currency, times milliseconds since the epoch: see fleet/budgets.
CREATE TABLE budget (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  scope_kind TEXT NOT NULL,        -- fleet, team, project, namespace
  scope_name TEXT NOT NULL,        -- empty of the fleet
  period_kind TEXT NOT NULL,       -- day, week, month, quarter, custom
  begins BIGINT NOT NULL,          -- of a custom one, else 0
  ends BIGINT NOT NULL,
  time_zone TEXT NOT NULL,
  amount BIGINT NOT NULL,
  currency TEXT NOT NULL,
  thresholds TEXT NOT NULL,        -- "actual:80 forecast:100"
  enforcement TEXT NOT NULL,       -- none, warn, refuse
  enforce_on TEXT NOT NULL,        -- actual, forecast
  created_by TEXT NOT NULL,
  created BIGINT NOT NULL,
  changed_by TEXT NOT NULL,
  changed BIGINT NOT NULL
);

-- One for each budget, period and threshold, so that it is told of once.
CREATE TABLE budget_crossing (
  budget TEXT NOT NULL,
  period_begin BIGINT NOT NULL,
  basis TEXT NOT NULL,             -- actual, forecast
  percent BIGINT NOT NULL,
  period_end BIGINT NOT NULL,
  at BIGINT NOT NULL,
  amount BIGINT NOT NULL,          -- of the budget then
  reached BIGINT NOT NULL,         -- what was spent, or expected
  PRIMARY KEY (budget, period_begin, basis, percent)
);

-- Runs of benchmarks: see fleet/benchmarks/benchmark.h. The same run comes once, however often it is sent.
CREATE TABLE benchmark_run (
  model TEXT NOT NULL,
  driver TEXT NOT NULL,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  unit TEXT NOT NULL,
  better TEXT NOT NULL,            -- higher, lower
  source TEXT NOT NULL,
  at BIGINT NOT NULL,              -- milliseconds since the epoch
  result DOUBLE PRECISION NOT NULL,
  watts DOUBLE PRECISION,          -- NULL: not measured
  PRIMARY KEY (name, version, model, driver, unit, better, source, at)
);

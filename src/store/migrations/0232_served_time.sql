-- How much of a quarter of an hour engines told their counters in, beside what they served (served_tokens): without a row nobody knows.
CREATE TABLE served_time (
  bucket BIGINT NOT NULL,          -- seconds since the epoch
  cluster TEXT NOT NULL,
  namespace TEXT NOT NULL,
  pod TEXT NOT NULL,
  model TEXT NOT NULL,
  pods TEXT NOT NULL,
  observed_ms BIGINT NOT NULL,
  PRIMARY KEY (bucket, cluster, namespace, pod, model, pods)
)/*sqlite: WITHOUT ROWID*/;

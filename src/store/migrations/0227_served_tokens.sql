-- What serving engines read and made in a quarter of an hour, by the pod that answers for them; in thousandths of tokens. An engine that did nothing has
-- a row as well: its pods cost.
CREATE TABLE served_tokens (
  bucket BIGINT NOT NULL,          -- seconds since the epoch
  cluster TEXT NOT NULL,
  namespace TEXT NOT NULL,
  pod TEXT NOT NULL,
  model TEXT NOT NULL,
  pods TEXT NOT NULL,              -- of its replica, the first itself; with commas between them
  prompt BIGINT NOT NULL,
  cached BIGINT NOT NULL,          -- of the prompt's
  generated BIGINT NOT NULL,
  PRIMARY KEY (bucket, cluster, namespace, pod, model, pods)
)/*sqlite: WITHOUT ROWID*/;

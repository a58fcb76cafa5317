-- What looks at quotas of GPUs have shown, hour by hour: advice on one that is too small is given by it. One whose amount was changed begins anew.
CREATE TABLE quota_seen (
  hour BIGINT NOT NULL,            -- seconds since the epoch
  cluster TEXT NOT NULL,
  namespace TEXT NOT NULL,
  quota TEXT NOT NULL,
  resource TEXT NOT NULL,          -- as pods ask for it
  hard BIGINT NOT NULL,
  looked_ms BIGINT NOT NULL,       -- of the hour
  refused_ms BIGINT NOT NULL,      -- of these, in which pods were refused for which there was room
  wanted_most BIGINT NOT NULL,     -- beyond it, at once
  PRIMARY KEY (hour, cluster, namespace, quota, resource, hard)
)/*sqlite: WITHOUT ROWID*/;

-- Labels of whoever had a device that are kept as they are, as store/label_text.h writes them. They tell owners apart too: so the table is made anew.
DROP INDEX cost_owner_by_used_until;
ALTER TABLE cost_owner RENAME TO cost_owner_without_labels;
CREATE TABLE cost_owner (
  id BIGINT PRIMARY KEY,          -- 0 in entries: nobody
  cluster TEXT NOT NULL,
  namespace TEXT NOT NULL,
  pod TEXT NOT NULL,
  pod_uid TEXT NOT NULL,
  team TEXT NOT NULL,
  project TEXT NOT NULL,
  cost_centre TEXT NOT NULL,
  used_until BIGINT NOT NULL DEFAULT 0,
  labels TEXT NOT NULL DEFAULT '',
  UNIQUE (cluster, namespace, pod, pod_uid, team, project, cost_centre, labels)
);
INSERT INTO cost_owner (id, cluster, namespace, pod, pod_uid, team, project, cost_centre, used_until)
  SELECT id, cluster, namespace, pod, pod_uid, team, project, cost_centre, used_until FROM cost_owner_without_labels;
DROP TABLE cost_owner_without_labels;
CREATE INDEX cost_owner_by_used_until ON cost_owner (used_until);

ALTER TABLE cost_pod ADD COLUMN labels TEXT NOT NULL DEFAULT '';

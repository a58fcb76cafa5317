-- What a record that is handed over needs to be counted as its first server would have: when it had arrived there; whether
-- it is in usage already, and only tells what had not ended; and whether the journal has no more behind it.
ALTER TABLE handed_over ADD COLUMN arrived BIGINT NOT NULL DEFAULT 0;
ALTER TABLE handed_over ADD COLUMN is_counted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE handed_over ADD COLUMN is_last INTEGER NOT NULL DEFAULT 0;
-- Whom the one who leads has taken over from, until what it had accepted itself when it led before has been set aside.
ALTER TABLE leader ADD COLUMN predecessor TEXT NOT NULL DEFAULT '';

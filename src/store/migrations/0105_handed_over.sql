-- Behind which record a journal has no more: what its samples told lasts no longer than to where the next leader's begin.
ALTER TABLE handed_over ADD COLUMN is_last INTEGER NOT NULL DEFAULT 0;

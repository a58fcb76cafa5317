// Rows by what owns them, one level inside the other.
export interface Group<T> {
  level: string;
  /** Null: not known of these. */
  name: string | null;
  rows: T[];
  /** Of the next level; none where this is the last. */
  groups: Group<T>[];
}

/** A level that no row tells anything of is left out. What is not known stands last. */
export function grouped<T extends object>(rows: readonly T[], levels: readonly string[]): Group<T>[] {
  const [level, ...rest] = levels;
  if (level === undefined) return [];
  const name = (row: T) => ((row as Record<string, unknown>)[level] as string | null | undefined) ?? null;
  if (rows.every((row) => name(row) === null)) return grouped(rows, rest);
  const by = new Map<string | null, T[]>();
  for (const row of rows) by.set(name(row), [...(by.get(name(row)) ?? []), row]);
  return [...by].sort(([a], [b]) => (a === null ? 1 : b === null ? -1 : a.localeCompare(b)))
    .map(([key, of]) => ({ level, name: key, rows: of, groups: grouped(of, rest) }));
}

// A table that the page holds whole, as CSV in the manner of the server's: members of members with a dot between, texts that a
// spreadsheet would calculate with an apostrophe before them.
function flat(row: object, before = ''): [string, unknown][] {
  return Object.entries(row).flatMap(([name, value]): [string, unknown][] =>
    value !== null && typeof value === 'object' && !Array.isArray(value) ? flat(value as object, `${before}${name}.`) : [[before + name, value]]);
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.some((one) => one !== null && typeof one === 'object') ? String(value.length) : value.join(';');
  return String(value);
}

function cell(value: unknown): string {
  const plain = textOf(value);
  const text = typeof value !== 'number' && /^[=+\-@\t\r]/.test(plain) ? `'${plain}` : plain;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Empty members of some rows are columns of all. */
export function csvOf(rows: readonly object[]): string {
  const all = rows.map((row) => new Map(flat(row)));
  // `instance` of a row without one is no column beside another row's `instance.gi`.
  const names = [...new Set(all.flatMap((row) => [...row.keys()]))];
  const columns = names.filter((name) => !names.some((other) => other.startsWith(`${name}.`)));
  return [columns.map(cell), ...all.map((row) => columns.map((name) => cell(row.get(name))))].map((row) => `${row.join(',')}\r\n`).join('');
}

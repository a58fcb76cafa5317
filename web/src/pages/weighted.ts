/** Sum of u·w over sum of w for each step, over the parts that were known then; null where none was. */
export function weightedSeries(values: (number | null)[][], weights: (number | null)[]): (number | null)[] {
  const steps = Math.max(0, ...values.map((one) => one.length));
  const out: (number | null)[] = [];
  for (let at = 0; at < steps; at++) {
    let sum = 0;
    let weight = 0;
    values.forEach((one, i) => {
      const value = one[at];
      const own = weights[i];
      if (value === null || value === undefined || own === null || own === undefined) return;
      sum += value * own;
      weight += own;
    });
    out.push(weight > 0 ? sum / weight : null);
  }
  return out;
}

// Every message, in English, by page. Keys are PAGE.WHAT, or KIND.VALUE for values of the API.
import { advice } from './en/advice';
import { alerts } from './en/alerts';
import { allocations } from './en/allocations';
import { benchmarks } from './en/benchmarks';
import { budgets } from './en/budgets';
import { cost } from './en/cost';
import { forecast } from './en/forecast';
import { frame } from './en/frame';
import { inventory } from './en/inventory';
import { overview } from './en/overview';
import { pods } from './en/pods';
import { serving } from './en/serving';
import { settings } from './en/settings';
import { tables } from './en/tables';
import { values } from './en/values';

export const en = {
  ...frame,
  ...tables,
  ...overview,
  ...inventory,
  ...pods,
  ...serving,
  ...allocations,
  ...cost,
  ...forecast,
  ...budgets,
  ...alerts,
  ...settings,
  ...advice,
  ...benchmarks,
  ...values,
} as const;

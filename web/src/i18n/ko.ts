import type { Words } from './index';
import { advice } from './ko/advice';
import { alerts } from './ko/alerts';
import { allocations } from './ko/allocations';
import { benchmarks } from './ko/benchmarks';
import { budgets } from './ko/budgets';
import { cost } from './ko/cost';
import { forecast } from './ko/forecast';
import { frame } from './ko/frame';
import { inventory } from './ko/inventory';
import { overview } from './ko/overview';
import { pods } from './ko/pods';
import { serving } from './ko/serving';
import { settings } from './ko/settings';
import { tables } from './ko/tables';
import { values } from './ko/values';

export const ko: Words = {
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
};

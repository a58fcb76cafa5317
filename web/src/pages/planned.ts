// The pages on which money is planned and GPUs are chosen, in a file of their own beside manage.ts.
export { BudgetsPage } from './budgets';
export { AdvicePage } from './advice';
export { BenchmarksPage } from './benchmarks';

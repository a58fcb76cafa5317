// The pages on which money is planned, in a file of their own beside manage.ts.
export { BudgetsPage } from './budgets';
export { AdvicePage } from './advice';

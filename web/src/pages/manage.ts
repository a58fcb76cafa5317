// The pages on which the fleet is managed and paid for, in a file of their own beside others.ts.
export { Allocations } from './allocations';
export { Allocate } from './allocate';
export { Alerts } from './alerts';
export { CostPage } from './cost';
export { ForecastPage } from './forecast';
export { Settings } from './settings';

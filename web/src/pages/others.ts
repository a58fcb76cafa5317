// The pages that show the fleet, in a file of their own, so that the overview need not wait for them.
export { Inventory } from './inventory';
export { NodePage } from './node';
export { DevicePage } from './device';

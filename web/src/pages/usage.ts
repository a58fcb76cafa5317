// The pages that show who uses the fleet, in a file of their own beside others.ts.
export { Pods } from './pods';
export { PodPage } from './pod';
export { Sessions } from './sessions';
export { Serving } from './serving';

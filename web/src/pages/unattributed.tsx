// Whose a process is that no pod is told of, and why nobody knows.
import type { Session } from '../api/schema';
import { Badge } from '../ui/parts';

export function Unattributed({ of }: { of: Session }) {
  return <span class="why"><Badge kind="attribution" value={of.attribution} plain /> {of.why && <span class="quiet breakable">{of.why}</span>}</span>;
}

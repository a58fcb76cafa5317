// What this reader may do.
import { address } from '../api/client';
import { useApi } from '../api/use';
import type { WhoAmI } from '../api/schema';

export interface Who {
  operates: boolean;
  restricted: boolean;
}

/** Null until it is known. */
export function useWho(): Who | null {
  const { data } = useApi<WhoAmI>(address('/access/whoami'), false);
  return data && { operates: data.openToEverybody || data.scopes.some((one) => one === 'operate' || one === 'admin'), restricted: data.restricted };
}

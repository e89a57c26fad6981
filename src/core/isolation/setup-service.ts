/** The methods of a store's set-up, as its process answers them. */

import type { ProbeRequest, SetupRequest, StoreSetup } from '../contracts/store-setup.ts';
import type { Methods } from './addin-service.ts';

export function setupHandlers(setup: StoreSetup): Methods {
  return {
    inspect: (params, { signal }) => setup.inspect({ ...(params as unknown as SetupRequest), signal }),
    tryOut: (params, { signal }) => setup.tryOut({ ...(params as unknown as ProbeRequest), signal }),
    policies: (params, { signal }) => setup.policies({ ...(params as unknown as SetupRequest), signal }),
    apply: (params, { signal }) => setup.apply({ ...(params as unknown as ProbeRequest), signal }),
    purge: (params, { signal }) => setup.purge({ prefix: params['prefix'] as string, signal }),
    close: () => setup.close(),
  };
}

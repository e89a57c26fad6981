/**
 * A provider that plans a full now and then and incrementals between, and keeps nothing of its own: objects go
 * to the store under the keys that core gave them.
 */

import {
  HoldfastError,
  type Plan,
  type PlanRequest,
  type Provider,
  type ProviderCapabilities,
  type Store,
} from 'holdfast';

export interface ProviderSettings {
  readonly fullEvery?: number;
}

export const capabilities = { levels: ['full', 'incremental'] } as const satisfies ProviderCapabilities;

export function openProvider(store: Store, { fullEvery = 7 }: ProviderSettings): Provider {
  return {
    name: '{{name}}',
    capabilities,
    plan: async (request) => plan(request, fullEvery),
    put: ({ kind: _, ...request }) => store.put(request),
    get: (request) => store.get(request),
  };
}

/** Pure: the same history gives the same answer, and a dry run asks as well. */
function plan({ requested, history }: PlanRequest, fullEvery: number): Plan {
  if (requested === 'differential') {
    throw new HoldfastError('CONFIG_INVALID', '{{name}} cannot write a differential snapshot', {
      hint: 'Ask for a full or an incremental one.',
    });
  }
  // A partial one lacks what could be referred to.
  const whole = history.filter(({ state }) => state === 'complete');
  const [newest] = whole.slice(-1);
  const sinceFull = whole.length - 1 - whole.findLastIndex(({ level }) => level === 'full');
  if (requested === 'full') return { level: 'full', parents: [], reason: 'a full was asked for' };
  if (newest === undefined || sinceFull === whole.length) {
    return { level: 'full', parents: [], reason: 'there is no full to build on' };
  }
  if (requested === 'auto' && sinceFull + 1 >= fullEvery) {
    return { level: 'full', parents: [], reason: `of ${fullEvery} snapshots one is a full` };
  }
  return { level: 'incremental', parents: [newest.id], reason: `since snapshot ${newest.id}` };
}

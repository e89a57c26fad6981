/**
 * Names the events of accounts that do not count because nobody here trusts who signed them, and those that
 * cannot be read and so protect whatever they may mean.
 */

import { parseEventKey } from '../archive/keys.ts';
import type { Provider } from '../contracts/provider.ts';
import type { Store } from '../contracts/store.ts';
import { eachLimited } from './each-limited.ts';
import { readEventObject } from './event-object.ts';
import { eventKinds } from './events.ts';
import { distrustOf, type Trust } from './trust.ts';
import type { HistoryProblem } from './verify-history.ts';

export interface VerifyEventsRequest {
  readonly store: Store;
  readonly provider: Provider;
  /** The events of their servers are looked at, also those of accounts that have no snapshot any more. */
  readonly snapshots: readonly { readonly server: string }[];
  /** Servers besides these. */
  readonly servers?: readonly string[];
  /** Left out or null: of all accounts. */
  readonly owner?: string | null;
  /** Left out: nothing is asked for. */
  readonly trust?: Trust;
  readonly signal: AbortSignal;
}

const readsAtOnce = 8;

/** @throws STORE_UNAVAILABLE, STORE_DENIED */
export async function verifyEvents(request: VerifyEventsRequest): Promise<HistoryProblem[]> {
  const { store, snapshots, servers = [], owner = null, trust, signal } = request;
  if (trust === undefined || store.capabilities.putOnly) return [];
  const problems: HistoryProblem[] = [];
  for (const server of new Set([...servers, ...snapshots.map((one) => one.server)])) {
    const prefix = `events/${server}/${owner === null ? '' : `${owner}/`}`;
    let after: string | undefined;
    do {
      const page = await store.list({ prefix, ...(after === undefined ? {} : { after }), signal });
      await eachLimited(page.objects, readsAtOnce, async ({ key }) => {
        const found = await problemOf({ ...request, trust }, key);
        if (found !== null) problems.push(found);
      });
      after = page.next ?? undefined;
    } while (after !== undefined);
  }
  return problems.sort((a, b) => (a.message < b.message ? -1 : 1));
}

async function problemOf(
  { provider, trust, signal }: VerifyEventsRequest & { readonly trust: Trust },
  key: string,
): Promise<HistoryProblem | null> {
  const name = parseEventKey(key);
  if (name === null || !eventKinds.includes(name.kind)) return null;
  const { server, owner } = name;
  const found = await readEventObject(provider, key, name, signal);
  if (found === null)
    return { server, owner, snapshot: null, kind: 'damaged-event', message: `event ${key} is damaged` };
  const why = distrustOf(found, trust, 'it');
  if (why === null) return null;
  return { server, owner, snapshot: null, kind: 'event', message: `event ${key} is not trusted: ${why}` };
}

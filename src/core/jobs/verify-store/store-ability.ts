/** What one line about a store's abilities says, and the small tools to find it out. */

import type { CheckContext } from '../../conformance/check.ts';
import type { PutResult, Store } from '../../contracts/store.ts';
import { isHoldfastError } from '../../errors.ts';
import { printable } from '../../printable.ts';
import { bytesOf } from '../../streams.ts';

export interface StoreAbility {
  readonly name: string;
  readonly state: 'yes' | 'no' | 'partly' | 'unknown';
  /** What the store says of itself; null where its contract has no word for it. */
  readonly declared: boolean | null;
  /** `failed`: claimed or needed, and not there. `note`: worth knowing. */
  readonly verdict: 'ok' | 'note' | 'failed';
  /** In plain words. */
  readonly detail: string;
}

export interface Finder {
  readonly store: Store;
  readonly context: CheckContext;
  /** Without the right to remove, what is tried stays for good. */
  readonly canRemove: boolean;
}

/** Beyond this, locks and retentions by date, and requests signed by time, begin to suffer. */
const largestSkewMs = 60_000;
const longestReason = 300;

export async function put(
  store: Store,
  { signal }: CheckContext,
  key: string,
  bytes: Uint8Array,
  extra: { readonly createOnly?: boolean; readonly storageClass?: string } = {},
): Promise<PutResult> {
  return store.put({ key, body: bytesOf(bytes), sizeBytes: bytes.length, signal, ...extra });
}

/** Null where it works, else why not. Interruptions pass. */
export async function works(work: () => Promise<unknown>): Promise<string | null> {
  try {
    await work();
    return null;
  } catch (error) {
    if (isHoldfastError(error) && error.code === 'INTERRUPTED') throw error;
    return describeFailure(error);
  }
}

/** One line, safe to print. */
export function describeFailure(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const line = message.split('\n').find((one) => one.trim() !== '') ?? 'no reason given';
  const code = isHoldfastError(error) ? `${error.code}: ` : '';
  return code + printable(line.trim(), longestReason);
}

/** `uncertainMs`: how long the put took, within which the store's clock may have been read. */
export function clockAbility(storedAtMs: number | null, ourMs: number, uncertainMs: number): StoreAbility {
  const name = 'clock';
  if (storedAtMs === null) {
    return {
      name,
      state: 'unknown',
      declared: null,
      verdict: 'note',
      detail: 'the store does not tell its time',
    };
  }
  const aheadMs = storedAtMs - ourMs;
  // Services tell whole seconds.
  const certainMs = Math.max(0, Math.abs(aheadMs) - uncertainMs / 2 - 1000);
  if (certainMs === 0) {
    return {
      name,
      state: 'yes',
      declared: null,
      verdict: 'ok',
      detail: "the store's clock agrees with ours",
    };
  }
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  const detail = `the store's clock is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} ours`;
  if (certainMs <= largestSkewMs) return { name, state: 'yes', declared: null, verdict: 'ok', detail };
  return { name, state: 'partly', declared: null, verdict: 'note', detail: `${detail}; set the clocks` };
}

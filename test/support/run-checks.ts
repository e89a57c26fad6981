/** Runs single conformance checks in tests, each below a prefix of its own. */

import { randomBytes } from 'node:crypto';
import {
  type CheckContext,
  type ProviderCheck,
  type ProviderCheckContext,
  type StoreCheck,
  storeChecks,
} from '../../src/core/conformance/index.ts';
import type { ProviderDefinition, Store } from '../../src/core/index.ts';

let prefixes = 0;

export function checkContext(): CheckContext {
  prefixes += 1;
  const prefix = `checks/${prefixes.toString().padStart(6, '0')}/`;
  return { prefix, signal: new AbortController().signal, randomBytes: (length) => randomBytes(length) };
}

/** The checks that apply to a store by its own declaration. */
export function checksFor({ capabilities }: Pick<Store, 'capabilities'>): readonly StoreCheck[] {
  return storeChecks.filter(({ when }) => when?.(capabilities) ?? true);
}

/** What went wrong, or null: the check passed or does not apply. The store itself may be its own second opening. */
export async function storeCheckFailure(
  check: StoreCheck,
  store: Store,
  reopen: () => Promise<Store> = async () => ({ ...store, close: async () => {} }),
): Promise<unknown> {
  if (check.when !== undefined && !check.when(store.capabilities)) return null;
  return failureOf(check.run(store, { ...checkContext(), now: Date.now, reopen }));
}

export async function runProviderCheck(
  check: ProviderCheck,
  definition: Pick<ProviderDefinition, 'open'>,
  store: Store,
): Promise<void> {
  const open = (over: Store) => definition.open({ store: over, settings: {} });
  const context: ProviderCheckContext = { ...checkContext(), store, open };
  const subject = await open(store);
  if (check.when === undefined || check.when(subject.capabilities)) await check.run(subject, context);
}

export async function failureOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
    return null;
  } catch (error) {
    return error;
  }
}

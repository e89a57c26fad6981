/**
 * Holds a store, and the provider over it, to their contracts where the backups are to lie.
 *
 * Works below a prefix that nothing else uses, inside what this server's credentials may write, and clears
 * it afterwards in any case: after failures, and after an interruption with a signal of its own.
 */

import {
  type CheckContext,
  type ProviderCheckContext,
  providerChecks,
  storeChecks,
  sweep,
} from '../../conformance/index.ts';
import type { Provider } from '../../contracts/provider.ts';
import type { Store } from '../../contracts/store.ts';
import { HoldfastError, isHoldfastError } from '../../errors.ts';
import { throwIfInterrupted } from '../../interruption.ts';
import type { EngineWorld } from './engine-bench.ts';
import { type Abilities, findAbilities } from './find-abilities.ts';
import { describeFailure, type StoreAbility } from './store-ability.ts';
import { trackedStore } from './tracked-store.ts';

export interface CheckResult {
  readonly kind: 'store' | 'provider';
  /** Completes "the store …" or "the provider …". */
  readonly name: string;
  readonly state: 'ok' | 'failed' | 'skipped';
  /** Why it failed or was skipped. */
  readonly reason: string | null;
}

export interface VerifyStoreInput {
  readonly store: Store;
  /** Opens the same place once more, for the checks that look at it from there. */
  readonly reopen: () => Promise<Store>;
  readonly openProvider: (store: Store) => Promise<Provider>;
  /** Begins every key used; ends with a slash; nothing else uses it. */
  readonly prefix: string;
  /** Removes all below the prefix for good; without it the store's own listing and removal must do. */
  readonly purge: ((prefix: string, signal: AbortSignal) => Promise<void>) | null;
  /** Run all checks although what they write cannot be removed. */
  readonly leaveObjects: boolean;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly now: () => number;
  readonly signal: AbortSignal;
  readonly onAbilities: (abilities: readonly StoreAbility[]) => void;
  readonly onCheck: (result: CheckResult) => void;
  /** Called once, at the end, where the prefix could not be cleared; says why. */
  readonly onLeftBehind: (reason: string) => void;
  /** Milliseconds after which a check counts as failed. */
  readonly checkPatienceMs?: number;
  /** For checks with the whole engine over the provider; without it they are left out. Needs root. */
  readonly engine?: Pick<EngineWorld, 'newObjectId' | 'newUuid'>;
}

export interface VerifyStoreReport {
  readonly abilities: readonly StoreAbility[];
  readonly checks: readonly CheckResult[];
  /** Why the prefix could not be cleared, or null: nothing is left of it. */
  readonly leftBehind: string | null;
  readonly sound: boolean;
}

const usualCheckPatienceMs = 15 * 60_000;
const cleaningPatienceMs = 120_000;
const settlingPatienceMs = 20_000;

/** @throws INTERRUPTED, after everything was cleared; and what the very first put throws where it says nothing of the addin */
export async function verifyStore(input: VerifyStoreInput): Promise<VerifyStoreReport> {
  const store = trackedStore(input.store);
  const checks: CheckResult[] = [];
  let found: Abilities | undefined;
  let leftBehind: string | null = null;
  const report = (result: CheckResult) => {
    checks.push(result);
    input.onCheck(result);
  };
  try {
    found = await findAbilities(store, { ...contextOf(input, 'abilities'), now: input.now });
    input.onAbilities(found.abilities);
    await runStoreChecks(input, store, found, report);
    await runProviderChecks(input, store, found, checks, report);
  } catch (error) {
    if (!isAddinFault(error)) throw error;
    report({ kind: 'store', name: firstCheck, state: 'failed', reason: describeFailure(error) });
  } finally {
    await store.settled(settlingPatienceMs);
    if (store.mayHold) leftBehind = await clear(input, store);
    if (leftBehind !== null) input.onLeftBehind(leftBehind);
  }
  throwIfInterrupted(input.signal, 'addin verify');
  const failed = checks.some(({ state }) => state === 'failed');
  const abilities = found?.abilities ?? [];
  const sound = !failed && abilities.every(({ verdict }) => verdict !== 'failed');
  return { abilities, checks, leftBehind, sound };
}

/** Where it fails, no other can be tried. */
const firstCheck = 'does what it is asked, as far as is needed to try it';

/** Says that the addin is not sound; any other error says that it cannot be tried now. */
export const isAddinFault = (error: unknown): boolean =>
  isHoldfastError(error) && ['ADDIN_FAILED', 'ADDIN_BROKEN', 'STORE_UNSOUND'].includes(error.code);

function contextOf({ prefix, signal, randomBytes }: VerifyStoreInput, name: string): CheckContext {
  return { prefix: `${prefix}${name}/`, signal, randomBytes };
}

type Report = (result: CheckResult) => void;

async function runStoreChecks(
  input: VerifyStoreInput,
  store: Store,
  { canRemove }: Abilities,
  report: Report,
): Promise<void> {
  for (const [index, check] of storeChecks.entries()) {
    const applies = check.when?.(store.capabilities) ?? true;
    const putOnly = store.capabilities.putOnly
      ? 'the credentials can only put'
      : 'the store does not claim it';
    const reason = applies ? unremovable(input, canRemove) : putOnly;
    const context = contextOf(input, `store-${index}`);
    const { reopen } = input;
    const run = (signal: AbortSignal) => check.run(store, { ...context, now: input.now, signal, reopen });
    report(await runCheck('store', check.name, reason, input, run));
  }
}

async function runProviderChecks(
  input: VerifyStoreInput,
  store: Store,
  { canRemove }: Abilities,
  before: readonly CheckResult[],
  report: Report,
): Promise<void> {
  const provider = await input.openProvider(store);
  const storeFailed = before.some(({ state }) => state === 'failed') ? 'the store itself has failed' : null;
  const putOnly = store.capabilities.putOnly ? 'the credentials can only put' : null;
  for (const [index, check] of providerChecks.entries()) {
    const applies = check.when?.(provider.capabilities) ?? true;
    const reason = applies
      ? (storeFailed ?? putOnly ?? unremovable(input, canRemove))
      : 'the provider does not claim it';
    const context = contextOf(input, `provider-${index}`);
    const run = (signal: AbortSignal) => {
      const whole: ProviderCheckContext = { ...context, signal, store, open: input.openProvider };
      return check.run(provider, whole);
    };
    report(await runCheck('provider', check.name, reason, input, run));
  }
  await runEngineChecks(input, report);
}

/** Over a store in memory, so that the credentials do not matter. */
async function runEngineChecks(input: VerifyStoreInput, report: Report): Promise<void> {
  const { engine, openProvider, now, randomBytes } = input;
  if (engine === undefined) return;
  const { engineChecks } = await import('./engine-checks.ts');
  const reason = process.getuid?.() === 0 ? null : 'it needs root, as backups do';
  for (const { name, run } of engineChecks) {
    const runIt = (signal: AbortSignal) => run({ openProvider, now, randomBytes, signal, ...engine });
    report(await runCheck('provider', name, reason, input, runIt));
  }
}

function unremovable({ leaveObjects }: VerifyStoreInput, canRemove: boolean): string | null {
  return canRemove || leaveObjects ? null : 'the credentials cannot remove what it would write';
}

async function runCheck(
  kind: CheckResult['kind'],
  name: string,
  skip: string | null,
  { signal, checkPatienceMs = usualCheckPatienceMs }: VerifyStoreInput,
  run: (signal: AbortSignal) => Promise<void>,
): Promise<CheckResult> {
  throwIfInterrupted(signal, 'addin verify');
  if (skip !== null) return { kind, name, state: 'skipped', reason: skip };
  const stop = new AbortController();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    stop.abort();
    late.reject(new HoldfastError('STORE_UNSOUND', `did not end within ${checkPatienceMs / 1000} s`));
  }, checkPatienceMs);
  const interrupted = () => late.reject(signal.reason);
  signal.addEventListener('abort', interrupted, { once: true });
  try {
    await Promise.race([run(AbortSignal.any([signal, stop.signal])), late.promise]);
    return { kind, name, state: 'ok', reason: null };
  } catch (error) {
    throwIfInterrupted(signal, 'addin verify');
    return { kind, name, state: 'failed', reason: describeFailure(error) };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', interrupted);
  }
}

/** Null where nothing is left. Never throws: what was found out matters more. */
async function clear({ prefix, purge }: VerifyStoreInput, store: Store): Promise<string | null> {
  const signal = AbortSignal.timeout(cleaningPatienceMs);
  try {
    await (purge === null ? sweep(store, prefix, signal) : purge(prefix, signal));
    return null;
  } catch (error) {
    if (!isHoldfastError(error)) return describeFailure(error);
    return `${error.code}: ${error.message}`;
  }
}

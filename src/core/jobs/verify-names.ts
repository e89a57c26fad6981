/**
 * Names what lies where manifests and keys do and is none: names that are not ours, numbers beyond what ours hold,
 * and key objects that are no age files.
 *
 * Nothing else takes notice of such objects, so whoever put them there would not be seen. Needs no identity.
 */

import { parseManifestKey, parseOwnerKeyKey } from '../archive/keys.ts';
import type { Provider } from '../contracts/provider.ts';
import type { Store } from '../contracts/store.ts';
import { isKeyFile, keyLimitBytes } from '../encryption/owner-keys.ts';
import { isHoldfastError } from '../errors.ts';
import { isProbePrefix } from '../key-classes.ts';
import { printable } from '../printable.ts';
import { collect } from '../streams.ts';
import { eachLimited } from './each-limited.ts';
import type { HistoryProblem } from './verify-history.ts';
import { walk } from './walk.ts';

export interface VerifyNamesRequest {
  readonly store: Store;
  readonly provider: Provider;
  readonly snapshots: readonly { readonly server: string }[];
  /** Servers besides those of the snapshots. */
  readonly servers?: readonly string[];
  /** Left out or null: of all accounts. */
  readonly owner?: string | null;
  readonly signal: AbortSignal;
}

const readsAtOnce = 8;
/** Whoever may put objects may put many. */
const shownOfEach = 100;

/** In the order of keys. @throws STORE_UNAVAILABLE, STORE_DENIED */
export async function verifyNames(request: VerifyNamesRequest): Promise<HistoryProblem[]> {
  const { store, snapshots, servers = [], owner = null, signal } = request;
  if (store.capabilities.putOnly) return [];
  const problems: HistoryProblem[] = [];
  for (const server of new Set([...servers, ...snapshots.map((one) => one.server)])) {
    const below = `${server}/${owner === null ? '' : `${owner}/`}`;
    const manifests = new Found(server, 'name');
    for await (const { key } of walk(store, `manifests/${below}`, signal)) {
      if (parseManifestKey(key) === null) manifests.add(key, 'is not the name of a manifest');
    }
    const keys = new Found(server, 'name');
    const damaged = new Found(server, 'key');
    const named: { readonly key: string; readonly sizeBytes: number }[] = [];
    for await (const { key, sizeBytes } of walk(store, `keys/${below}`, signal)) {
      if (parseOwnerKeyKey(key) === null) keys.add(key, 'is not the name of a key object');
      else named.push({ key, sizeBytes });
    }
    await eachLimited(named, readsAtOnce, async (one) => {
      if (!(await isSound(request, one))) damaged.add(one.key, 'is no key object, whatever its name says');
    });
    problems.push(...manifests.problems(), ...keys.problems(), ...damaged.problems());
  }
  return problems;
}

/** True also of one that vanishes meanwhile. */
async function isSound(
  { provider, signal }: VerifyNamesRequest,
  { key, sizeBytes }: { readonly key: string; readonly sizeBytes: number },
): Promise<boolean> {
  if (sizeBytes > keyLimitBytes) return false;
  try {
    return isKeyFile(await collect(provider.get({ key, signal }), keyLimitBytes));
  } catch (error) {
    if (!isHoldfastError(error) || !/^OBJECT_/.test(error.code)) throw error;
    return error.code === 'OBJECT_MISSING';
  }
}

class Found {
  readonly #server: string;
  readonly #kind: HistoryProblem['kind'];
  readonly #shown: { readonly key: string; readonly what: string }[] = [];
  #count = 0;

  constructor(server: string, kind: HistoryProblem['kind']) {
    this.#server = server;
    this.#kind = kind;
  }

  add(key: string, what: string): void {
    if (isProbePrefix(key)) return;
    this.#count += 1;
    if (this.#shown.length < shownOfEach) this.#shown.push({ key, what });
  }

  problems(): HistoryProblem[] {
    const more = this.#count - this.#shown.length;
    return this.#shown
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .map(({ key, what }, i, all) => {
        const rest = more > 0 && i === all.length - 1 ? `, and so are ${more} more` : '';
        const owner = printable(key.split('/', 3)[2] ?? '', 100);
        const message = `${printable(key, 1024)} ${what}${rest}`;
        return { server: this.#server, owner, snapshot: null, kind: this.#kind, message };
      });
  }
}

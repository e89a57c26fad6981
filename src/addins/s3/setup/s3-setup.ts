/** The set-up of a bucket: looks, tries, mends and cleans. Loads the SDK, so it is imported when used. */

import {
  type ProbeRequest,
  probePrefixOf,
  type SetupAction,
  type SetupFinding,
  type SetupRequest,
  type StorePolicy,
  type StoreSetup,
  storeSetupContract,
  type TryOut,
} from '../../../core/index.ts';
import { asFailure } from '../failures.ts';
import { archiveClasses, type S3Settings } from '../settings.ts';
import { applySetup } from './apply.ts';
import { finding, mendable, unreadable } from './findings.ts';
import { objectLockOf } from './judge-lock.ts';
import { readRule } from './lifecycle.ts';
import { lintLifecycle } from './lint-lifecycle.ts';
import { bucketState, type Facts, locksByDefault, openPlace, type Place, readFacts } from './place.ts';
import { policiesOf } from './policies.ts';
import { unblockedParts } from './public-access.ts';
import { purge } from './purge.ts';
import { tryRights } from './rights.ts';

const clearingPatienceMs = 30_000;

export class S3Setup implements StoreSetup {
  readonly contract = storeSetupContract;
  readonly #place: Place;

  constructor(settings: S3Settings) {
    this.#place = openPlace(settings);
  }

  async inspect(request: SetupRequest): Promise<readonly SetupFinding[]> {
    return this.#named('look at', request, async () => {
      const { bucket } = this.#place.settings;
      const call = { abortSignal: request.signal };
      const state = await bucketState(this.#place, call);
      if (state === 'absent') {
        const hint = 'Create it, correct its name, or run holdfast store init --apply.';
        const absent = finding('bucket', 'error', `there is no bucket ${bucket}`, hint);
        return [{ ...absent, code: 'STORE_UNAVAILABLE', mendable: true }];
      }
      const exists =
        state === 'present' ? `${bucket} exists` : `the credentials may not look at bucket ${bucket}`;
      const facts = await readFacts(this.#place, call);
      return [
        finding('bucket', state === 'present' ? 'ok' : 'note', exists),
        versionsOf(facts),
        ...lifecycleOf(facts, this.#place.settings, request),
        publicAccessOf(facts),
        ...objectLockOf(facts, this.#place.settings),
      ];
    });
  }

  async tryOut(request: ProbeRequest): Promise<TryOut> {
    return this.#named('try the rights on', request, async () => {
      const call = { abortSignal: request.signal };
      if ((await bucketState(this.#place, call)) === 'absent') return { rights: [], findings: [] };
      const facts = await readFacts(this.#place, call);
      const { versioning } = facts;
      const versions = versioning.state !== 'told' || versioning.value.Status !== undefined;
      try {
        return await tryRights(this.#place, request, { versions, locked: locksByDefault(facts) });
      } finally {
        await clearProbe(this.#place, request);
      }
    });
  }

  async policies({ server }: SetupRequest): Promise<readonly StorePolicy[]> {
    return policiesOf(this.#place.settings, server);
  }

  apply(request: ProbeRequest): Promise<readonly SetupAction[]> {
    return this.#named('set up', request, async () => {
      try {
        return await applySetup(this.#place, request);
      } finally {
        await clearProbe(this.#place, request);
      }
    });
  }

  purge({ prefix, signal }: Parameters<StoreSetup['purge']>[0]): Promise<void> {
    return this.#named(`clear ${prefix} in`, { signal }, () =>
      purge(this.#place, prefix, { abortSignal: signal }),
    );
  }

  async close(): Promise<void> {
    this.#place.client.destroy();
    this.#place.once.destroy();
  }

  async #named<T>(what: string, { signal }: { signal: AbortSignal }, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof TypeError && !('$metadata' in error)) throw error;
      throw asFailure(error, `${what} bucket ${this.#place.settings.bucket}`, signal);
    }
  }
}

/** After an interruption too; where nothing can be removed, nothing was made either. */
async function clearProbe(place: Place, { server, probe }: ProbeRequest): Promise<void> {
  const call = { abortSignal: AbortSignal.timeout(clearingPatienceMs) };
  await purge(place, probePrefixOf('data', server ?? probe, probe), call).catch(() => {});
}

function versionsOf({ versioning }: Facts): SetupFinding {
  if (versioning.state !== 'told') return finding('versions', 'note', unreadable(versioning.state));
  const { Status } = versioning.value;
  if (Status === 'Enabled')
    return finding('versions', 'ok', 'are on: what is overwritten or removed can be brought back');
  const how = Status === undefined ? 'are off' : 'are suspended';
  const detail = `${how}: whoever takes over this server can overwrite its backups`;
  const hint = 'Run holdfast store init --apply, or turn versions on.';
  return mendable(finding('versions', 'warning', detail, hint));
}

function lifecycleOf(
  { lifecycle }: Facts,
  settings: S3Settings,
  request: SetupRequest,
): readonly SetupFinding[] {
  if (lifecycle.state === 'denied' || lifecycle.state === 'unsupported')
    return [finding('lifecycle', 'note', unreadable(lifecycle.state))];
  const rules = (lifecycle.state === 'told' ? (lifecycle.value.Rules ?? []) : []).map(readRule);
  const { prefix, tags } = settings;
  const found = lintLifecycle(rules, { prefix, tags, keepDays: request.keepDays, archiveClasses });
  if (found.length === 0)
    return [finding('lifecycle', 'ok', 'unfinished uploads are aborted, and no rule harms backups')];
  return found.map(({ kind, state, detail, hint }) => {
    const one = finding('lifecycle', state, detail, hint);
    return kind === 'no-abort-rule' ? mendable(one) : one;
  });
}

function publicAccessOf({ publicAccess }: Facts): SetupFinding {
  const open = unblockedParts(publicAccess);
  if (open === null) return finding('public access', 'note', unreadable(publicAccess.state));
  if (open.length === 0) return finding('public access', 'ok', 'is blocked');
  const detail = `is not blocked (${open.join(', ')} off)`;
  const hint = 'Run holdfast store init --apply, which tries whether the service can block it.';
  return mendable(finding('public access', 'note', detail, hint));
}

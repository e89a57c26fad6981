/** `holdfast key erase`: destroys the keys of one account in every store, so that nobody can read its snapshots. */

import { listKeys } from '../../core/encryption/owner-keys.ts';
import { errorCodes, HoldfastError } from '../../core/errors.ts';
import { listSnapshots } from '../../core/jobs/catalog.ts';
import {
  type ErasedOfServer,
  type EraseReport,
  type EraseRequest,
  eraseAccount,
  requireSight,
} from '../../core/jobs/keys/erase-account.ts';
import { readStoreFile } from '../../core/jobs/store-file.ts';
import { printable, quoted } from '../../core/printable.ts';
import { ownerNames } from '../../core/state/database-owners.ts';
import type { CliCommand, CliContext } from '../command.ts';
import { loadConfigured, perStore } from '../configuration.ts';
import type { KeyEraseDocument } from '../documents/keys.ts';
import { forgetHere } from '../forget-here.ts';
import { bytesText, instantText, plural } from '../format.ts';
import { namedServer } from '../key-session.ts';
import { eventSigner } from '../own-signer.ts';
import { ownerToErase } from '../owner-to-erase.ts';
import { withDatabases } from '../owners-of-account.ts';
import { ownServers } from '../search.ts';
import { type StoreSession, withStore } from '../store-session.ts';

interface Options {
  readonly account: string;
  readonly reason?: string;
  readonly addin?: string;
  readonly server?: string;
  readonly local?: true;
  readonly apply?: true;
}

type StoreEntry = KeyEraseDocument['stores'][number];

export const keyErase: CliCommand<Options> = {
  exits: [
    'ACCOUNT_LOCKED',
    'ACCOUNT_NOT_FOUND',
    'IDENTITY_MISSING',
    'STORE_UNAVAILABLE',
    'STORE_DENIED',
    'STORE_FOREIGN',
    'ERASURE_REFUSED',
  ],

  define(command) {
    command
      .requiredOption('--account <account>', 'site, domain or UUID')
      .option('--reason <text>', 'why; it stands in the record of the erasure, in clear')
      .option('--addin <name>', 'in the stores of this addin configuration only (default: of all)')
      .option('--server <uuid>', 'snapshots of this server only (default: of every one that has any)')
      .option('--local', 'have this server forget the key, after an erasure on another machine')
      .option('--apply', 'destroy the keys; without it nothing is changed')
      .addHelpText(
        'after',
        '\nWorks on the main stores and their copies, and on what db export --to-store made of the account. A legal hold on the account or on one of its snapshots forbids it.\n' +
          'What was encrypted cannot be read afterwards by anybody, and the next prune removes it; snapshots that were\n' +
          'never encrypted can be read until then. Copies of key objects elsewhere are not reached. A server whose\n' +
          'credentials can only put does not see that a key is gone, and would go on with it: run it there with --local.\n' +
          'A name that several accounts have had is refused; name the one that is meant by its UUID.',
      );
  },

  async run(context, { options }) {
    const { account, reason = '', addin, server, local, apply } = options;
    const { configuration } = await loadConfigured(context.configDir);
    const addins = configuration.addins.filter(({ name }) => addin === undefined || name === addin);
    if (addins.length === 0) return withStore(context, { addin }, async () => 0);
    if (local === true) return forgetHere(context, configuration, { account, addins, apply: apply === true });
    if (reason.trim() === '') {
      throw new HoldfastError('USAGE', 'an erasure needs a reason', { hint: 'Add --reason TEXT.' });
    }
    let owner: string | null = null;
    let others: string[] = [];
    let own: readonly string[] = [];
    let site: string | null = null;
    const entries: StoreEntry[] = [];
    // Looked at everywhere before anything is destroyed anywhere: a hold in one store counts for all.
    for (const applies of apply === true ? [false, true] : [false]) {
      if (applies && entries.some(({ holds }) => holds.length > 0)) break;
      if (applies) requireFound(account, entries, others);
      entries.length = 0;
      const inMain = new Map<string, readonly ErasedOfServer[]>();
      for (const one of addins.flatMap(perStore)) {
        const [name, copy] = one.name.split('/', 2);
        if (copy === undefined) inMain.clear();
        await withStore(context, { addin: name, copy, needs: 'any' }, async (session) => {
          requireSight(session.opened.store);
          owner ??= await ownerToErase(session.search, account);
          own = ownServers(session.state);
          site = (session.state === null ? null : ownerNames(session.state).get(owner)) ?? site;
          // A copy that was never written to has nothing to erase.
          if ((await readStoreFile(session.opened.store, context.signal)) === null) return;
          for (const of of withDatabases(account, owner)) {
            const there = await serversIn(session, of, context.signal);
            others = [...new Set([...others, ...there])];
            const servers = server === undefined ? there : [namedServer(server)];
            // A copy may get later what it does not have yet.
            const asked = { owner: of, reason, servers, elsewhere: inMain.get(of) ?? [], apply: applies };
            const report = await erase(context, session, asked);
            if (copy === undefined) inMain.set(of, report.named);
            if (of === owner || hasAny(report)) entries.push(entryOf(one.name, of, owner, report));
          }
        });
      }
    }
    requireFound(account, entries, others);
    const refused = entries.some(({ holds, left }) => holds.length + left.length > 0);
    const exitStatus = refused ? errorCodes.ERASURE_REFUSED.exit : 0;
    const whose = { owner: owner ?? account, site };
    print(context, whose, entries, apply === true);
    noteServers(context, whose.owner, entries, own);
    context.output.document<KeyEraseDocument>({
      account,
      ...whose,
      local: false,
      applied: apply === true,
      exitStatus,
      stores: entries,
    });
    return exitStatus;
  },
};

/** Nothing to erase may be a mistyped UUID: that must not look like an erasure. @throws ACCOUNT_NOT_FOUND */
function requireFound(account: string, entries: readonly StoreEntry[], servers: readonly string[]): void {
  if (entries.some(hasAny)) return;
  throw new HoldfastError('ACCOUNT_NOT_FOUND', `no store has keys or snapshots of ${quoted(account)}`, {
    hint:
      servers.length === 0
        ? 'Look for its UUID as "owner" in holdfast snapshots --json, with the store that is meant.'
        : `Name a server that has any with --server: ${servers.join(', ')}.`,
  });
}

type Amount = Pick<EraseReport['servers'][number], 'keys' | 'snapshots'>;

const hasAny = ({ servers, holds }: { servers: readonly Amount[]; holds: readonly string[] }): boolean =>
  holds.length > 0 || servers.some(({ keys, snapshots }) => keys + snapshots > 0);

type Erasure = Pick<EraseRequest, 'owner' | 'reason' | 'servers' | 'elsewhere' | 'apply'>;

async function erase(context: CliContext, session: StoreSession, erasure: Erasure): Promise<EraseReport> {
  const { world, signal } = context;
  const { now, newObjectId } = world;
  const signer = erasure.apply ? await eventSigner(context, session) : null;
  const { store, provider } = session.opened;
  return eraseAccount({
    ...erasure,
    store,
    provider,
    storeId: (await readStoreFile(store, signal))!.store,
    stateDir: session.loaded.configuration.stateDir,
    trust: session.trust,
    world: { now, newObjectId, signer },
    signal,
  });
}

/** Every server that has anything of the account. */
async function serversIn({ opened: { store } }: StoreSession, owner: string, signal: AbortSignal) {
  const found = [
    ...(await listSnapshots(store, { owner }, signal)),
    ...(await listKeys(store, { owner }, signal, true)),
  ];
  return [...new Set(found.map(({ server }) => server))];
}

const isoOrNull = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

const entryOf = (
  store: string,
  of: string,
  account: string,
  { holds, left, servers, named: _, ...counts }: EraseReport,
): StoreEntry => ({
  ...{ store, owner: of, databasesOnly: of !== account },
  ...counts,
  holds: [...holds],
  left: [...left],
  servers: servers.map(({ firstAtMs, lastAtMs, ...one }) => ({
    ...one,
    first: isoOrNull(firstAtMs),
    last: isoOrNull(lastAtMs),
  })),
});

function print(
  { output }: CliContext,
  { owner, site }: { readonly owner: string; readonly site: string | null },
  entries: readonly StoreEntry[],
  applied: boolean,
): void {
  const done = applied && entries.every(({ holds }) => holds.length === 0);
  output.line(`account ${owner}${site === null ? '' : `, now ${printable(site, 200)}`}`);
  for (const {
    databasesOnly,
    holds,
    keys,
    left,
    closed,
    keyless,
    open,
    plain,
    remaining,
    servers,
    ...one
  } of entries) {
    const store = databasesOnly ? `${one.store}, databases only` : one.store;
    for (const { server, snapshots, first, last } of servers) {
      const when =
        first === null || last === null ? '' : `, ${instantText(first)} to ${instantText(last)} UTC`;
      output.line(`${store}: server ${server}: ${plural(snapshots, 'snapshot')}${when}`);
    }
    for (const hold of holds) output.note(`refused: ${printable(store)}: ${hold}`);
    for (const key of left) output.note(`refused: the store keeps ${printable(key, 1024)}`);
    const what = done
      ? `${keys - left.length} of ${plural(keys, 'key object')} destroyed`
      : plural(keys, 'key object');
    const lost = `${plural(closed, 'snapshot')} ${done ? 'can be read by nobody' : 'could be read by nobody then'}`;
    const before = keyless === 0 ? '' : `, ${keyless} of which had no key here before`;
    const still =
      open === 0 ? '' : `; ${plural(open, 'snapshot')} can still be read, with the keys that are left`;
    const clear = plain === 0 ? '' : `; ${plural(plain, 'snapshot')} not encrypted, readable until prune`;
    const rest = `${plural(remaining.count, 'object')} of ${bytesText(remaining.bytes)} lie there until prune`;
    output.line(`${store}: ${what}; ${lost}${before}${still}${clear}; ${rest}`);
  }
  if (!applied) output.info('nothing was changed; add --apply to destroy the keys');
}

/** Nobody can tell from here whether another server will see that its key is gone. */
function noteServers(
  { output }: CliContext,
  owner: string,
  entries: readonly StoreEntry[],
  own: readonly string[],
): void {
  const others = new Set(entries.flatMap(({ servers }) => servers.map(({ server }) => server)));
  for (const server of own) others.delete(server);
  for (const server of others) {
    output.note(
      `note: server ${server} backs it up as well, or did: where its credentials can only put, run there: ` +
        `holdfast key erase --account ${owner} --local --apply`,
    );
  }
}

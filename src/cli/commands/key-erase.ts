/** `holdfast key erase`: destroys the keys of one account in every store, so that nobody can read its snapshots. */

import { listKeys } from '../../core/encryption/owner-keys.ts';
import { errorCodes, HoldfastError } from '../../core/errors.ts';
import { listSnapshots } from '../../core/jobs/catalog.ts';
import { type EraseReport, eraseAccount } from '../../core/jobs/keys/erase-account.ts';
import { readStoreFile } from '../../core/jobs/store-identity.ts';
import { printable } from '../../core/printable.ts';
import type { CliCommand, CliContext } from '../command.ts';
import { loadConfigured, perStore } from '../configuration.ts';
import type { KeyEraseDocument } from '../documents/keys.ts';
import { ownerOf } from '../find-snapshot.ts';
import { bytesText, plural } from '../format.ts';
import { serversOf } from '../key-session.ts';
import { eventSigner } from '../own-signer.ts';
import { type StoreSession, withStore } from '../store-session.ts';

interface Options {
  readonly account: string;
  readonly reason: string;
  readonly addin?: string;
  readonly server?: string;
  readonly apply?: true;
}

type StoreEntry = KeyEraseDocument['stores'][number];

export const keyErase: CliCommand = {
  exits: [
    'ACCOUNT_LOCKED',
    'ACCOUNT_NOT_FOUND',
    'STORE_UNAVAILABLE',
    'STORE_DENIED',
    'STORE_FOREIGN',
    'ERASURE_REFUSED',
  ],

  define(command) {
    command
      .requiredOption('--account <account>', 'site, domain or UUID')
      .requiredOption('--reason <text>', 'why; it stands in the record of the erasure, in clear')
      .option('--addin <name>', 'in the stores of this addin configuration only (default: of all)')
      .option('--server <uuid>', 'snapshots of another server (default: of this one, else of all)')
      .option('--apply', 'destroy the keys; without it nothing is changed')
      .addHelpText(
        'after',
        '\nWorks on the main stores and their copies. A legal hold on the account or on one of its snapshots forbids it.\n' +
          'What was encrypted cannot be read afterwards by anybody, and the next prune removes it; snapshots that were\n' +
          'never encrypted can be read until then. Copies of key objects elsewhere are not reached.',
      );
  },

  async run(context, { options }) {
    const { account, reason, addin, server, apply } = options as unknown as Options;
    const { output } = context;
    if (reason.trim() === '') {
      throw new HoldfastError('USAGE', 'an erasure needs a reason', { hint: 'Add --reason TEXT.' });
    }
    const { configuration } = await loadConfigured(context.configDir);
    const addins = configuration.addins.filter(({ name }) => addin === undefined || name === addin);
    if (addins.length === 0) return withStore(context, { addin }, async () => 0);
    let owner: string | null = null;
    const entries: StoreEntry[] = [];
    // Looked at everywhere before anything is destroyed anywhere: a hold in one store counts for all.
    for (const applies of apply === true ? [false, true] : [false]) {
      if (applies && entries.some(({ holds }) => holds.length > 0)) break;
      entries.length = 0;
      for (const one of addins.flatMap(perStore)) {
        const [name, copy] = one.name.split('/', 2);
        await withStore(context, { addin: name, copy, needs: 'any' }, async (session) => {
          owner ??= await ownerOf(session.search, account);
          // A copy that was never written to has nothing to erase.
          if ((await readStoreFile(session.opened.store, context.signal)) === null) return;
          const report = await erase(context, session, { owner, reason, server, apply: applies });
          entries.push(entryOf(one.name, report));
        });
      }
    }
    const refused = entries.some(({ holds, left }) => holds.length + left.length > 0);
    const exitStatus = refused ? errorCodes.ERASURE_REFUSED.exit : 0;
    print(context, entries, apply === true);
    output.document<KeyEraseDocument>({
      account,
      owner: owner ?? account,
      applied: apply === true,
      exitStatus,
      stores: entries,
    });
    return exitStatus;
  },
};

async function erase(
  context: CliContext,
  session: StoreSession,
  {
    owner,
    reason,
    server,
    apply,
  }: { owner: string; reason: string; server: string | undefined; apply: boolean },
): Promise<EraseReport> {
  const { world, signal } = context;
  const { now, newObjectId } = world;
  const signer = apply ? await eventSigner(context, session) : null;
  const { store, provider } = session.opened;
  const servers = serversOf(session, server) ?? (await serversIn(session, owner, signal));
  return eraseAccount({
    store,
    provider,
    storeId: (await readStoreFile(store, signal))!.store,
    stateDir: session.loaded.configuration.stateDir,
    servers,
    owner,
    reason,
    apply,
    trust: session.trust,
    world: { now, newObjectId, signer },
    signal,
  });
}

/** Every server that has anything of the account. */
async function serversIn({ opened: { store } }: StoreSession, owner: string, signal: AbortSignal) {
  const found = [
    ...(await listSnapshots(store, { owner }, signal)),
    ...(await listKeys(store, { owner }, signal)),
  ];
  return [...new Set(found.map(({ server }) => server))];
}

const entryOf = (store: string, { holds, left, ...counts }: EraseReport): StoreEntry => ({
  store,
  ...counts,
  holds: [...holds],
  left: [...left],
});

function print({ output }: CliContext, entries: readonly StoreEntry[], applied: boolean): void {
  const done = applied && entries.every(({ holds }) => holds.length === 0);
  for (const { store, holds, keys, left, closed, plain, remaining } of entries) {
    for (const hold of holds) output.note(`refused: ${printable(store)}: ${hold}`);
    for (const key of left) output.note(`refused: the store keeps ${printable(key, 1024)}`);
    const what = done
      ? `${keys - left.length} of ${plural(keys, 'key object')} destroyed`
      : plural(keys, 'key object');
    const lost = `${plural(closed, 'snapshot')} ${done ? 'can be read by nobody' : 'could be read by nobody then'}`;
    const clear = plain === 0 ? '' : `; ${plural(plain, 'snapshot')} not encrypted, readable until prune`;
    const rest = `${plural(remaining.count, 'object')} of ${bytesText(remaining.bytes)} lie there until prune`;
    output.line(`${store}: ${what}; ${lost}${clear}; ${rest}`);
  }
  if (!applied) output.info('nothing was changed; add --apply to destroy the keys');
}

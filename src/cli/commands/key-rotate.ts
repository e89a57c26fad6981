/** `holdfast key rotate`: other recipients for the keys there are, or new keys. */

import { listKeys } from '../../core/encryption/owner-keys.ts';
import { errorCodes, HoldfastError } from '../../core/errors.ts';
import { forgetReplacedKeys } from '../../core/jobs/copy/copy-record.ts';
import { beginEpochs, encryptAnew, type RotatedKey } from '../../core/jobs/keys/rotate-keys.ts';
import { readStoreFile } from '../../core/jobs/store-file.ts';
import { printable } from '../../core/printable.ts';
import { ownerNames } from '../../core/state/database-owners.ts';
import { type CliCommand, type CliContext, collected } from '../command.ts';
import type { KeyRotateDocument } from '../documents/keys.ts';
import { plural } from '../format.ts';
import { defineKeyOptions, type KeyOptions } from '../key-input.ts';
import { identitiesFor, serversOf } from '../key-session.ts';
import { ownersOf } from '../owners-of-account.ts';
import { type StoreSession, withStore } from '../store-session.ts';

interface Options extends KeyOptions {
  readonly addin?: string;
  readonly copy?: string;
  readonly account?: readonly string[];
  readonly server?: string;
  readonly epoch?: true;
}

const columns = [
  { title: 'ACCOUNT' },
  { title: 'EPOCH' },
  { title: 'DONE' },
  { title: 'EARLIER REVISIONS' },
  { title: 'WHY', shrinks: true },
] as const;

export const keyRotate: CliCommand<Options> = {
  exits: [
    'RECIPIENTS_UNUSABLE',
    'ACCOUNT_LOCKED',
    'ACCOUNT_NOT_FOUND',
    'IDENTITY_MISSING',
    'IDENTITY_WRONG',
    'STORE_UNAVAILABLE',
    'STORE_FULL',
    'STORE_DENIED',
    'STORE_FOREIGN',
  ],

  define(command) {
    defineKeyOptions(command)
      .option('--epoch', 'begin new keys, which the next backups use; needs no identity')
      .option('--account <account>', 'site, domain or UUID; may be repeated (default: all)', collected)
      .option('--addin <name>', 'addin configuration; may be left out where there is only one')
      .option('--copy <name>', 'the keys in this copy, not in the main store')
      .option('--server <uuid>', 'keys of another server in this store (default: of this one)')
      .addHelpText(
        'after',
        '\nWithout --epoch every key is encrypted anew to the recipients that the configuration names now, and the\n' +
          'earlier revisions go. Whoever was dropped can open them no more, unless he kept a copy of a key object:\n' +
          'so add a run with --epoch, and what is backed up from then on is closed to him in any case.\n' +
          'Copies have key objects of their own: run it for each with --copy, best before --epoch. An identity file may hold\n' +
          'several identities, a line each, where keys are for different ones. A server whose credentials can only put\n' +
          'begins new keys for the accounts that it remembers, and its keys are encrypted anew on another machine.',
      );
  },

  async run(context, { options: chosen }) {
    return withStore(context, { addin: chosen.addin, copy: chosen.copy, needs: 'whole' }, async (session) => {
      const keys = await rotate(context, session, chosen);
      const { output } = context;
      const { encryption, name } = session.addin;
      const exitStatus = statusOf(keys);
      const sites = session.state === null ? null : ownerNames(session.state);
      output.table(
        columns,
        keys.map((one) => [
          printable(sites?.get(one.owner) ?? one.owner),
          String(one.epoch),
          one.action,
          one.action === 'encrypted-anew' ? `${one.removed} removed, ${one.kept} kept` : '-',
          one.message ?? '',
        ]),
      );
      const kept = keys.reduce((sum, one) => sum + one.kept, 0);
      if (kept > 0) {
        output.note(`holdfast: the store refused to remove ${plural(kept, 'earlier revision')}`);
        output.note('hint: Remove them with other credentials; until then earlier recipients can open them.');
      }
      const [main, copy] = name.split('/', 2) as [string, string?];
      if (copy !== undefined && exitStatus === 0 && chosen.account === undefined)
        await forgetReplacedKeys(session.loaded.configuration.stateDir, main, copy);
      if (copy === undefined && chosen.epoch !== true) {
        for (const one of session.addin.copies) {
          const line = `holdfast key rotate --addin ${main} --copy ${one.name}`;
          output.note(
            `note: the copy ${one.name} has keys of its own, for the recipients of before: run ${line}`,
          );
        }
      }
      const done = keys.filter(({ action }) => action !== 'left').length;
      output.info(`${done} of ${plural(keys.length, 'key')} done`);
      output.document<KeyRotateDocument>({
        addin: main,
        store: name,
        recipients: encryption === 'none' ? [] : [...encryption.recipients],
        exitStatus,
        keys: keys.map((one) => ({ ...one })),
      });
      return exitStatus;
    });
  },
};

async function rotate(
  context: CliContext,
  session: StoreSession,
  { account, server, epoch, ...keys }: Options,
): Promise<RotatedKey[]> {
  const { addin, loaded, opened, search, state } = session;
  if (addin.encryption === 'none') {
    throw new HoldfastError('USAGE', `${addin.name} does not encrypt, so there are no keys to replace`, {
      hint: 'Name recipients under "encryption" first.',
    });
  }
  const { store, provider } = opened;
  const { signal } = context;
  const servers = serversOf(session, server);
  if (servers === null) {
    throw new HoldfastError('USAGE', 'this machine has made no snapshots', {
      hint: 'Name the server whose keys are meant with --server UUID.',
    });
  }
  const current = state?.server.uuid;
  if (epoch === true && ((server ?? current) !== current || addin.name.includes('/'))) {
    throw new HoldfastError(
      'USAGE',
      'new keys begin on the server that makes the backups, in its main store',
      {
        hint: 'Run it there, without --server and --copy.',
      },
    );
  }
  const owners = await ownersOf(search, account ?? []);
  const identities = epoch === true ? [] : await identitiesFor(context, session, keys);
  const storeId = store.capabilities.putOnly
    ? (state?.storeId(addin.name) ?? null)
    : ((await readStoreFile(store, signal))?.store ?? null);
  if (storeId === null) throw await noKeys(session, signal);
  const [main, copy] = addin.name.split('/', 2) as [string, string?];
  const originId = copy === undefined ? null : (state?.storeId(main) ?? null);
  const done: RotatedKey[] = [];
  for (const one of epoch === true ? [current!] : servers) {
    const request = {
      store,
      provider,
      storeId,
      ...(originId === null ? {} : { originId }),
      stateDir: loaded.configuration.stateDir,
      server: one,
      owners: account === undefined ? null : owners,
      recipients: addin.encryption.recipients,
      signal,
    };
    done.push(
      ...(epoch === true ? await beginEpochs(request) : await encryptAnew({ ...request, identities })),
    );
  }
  if (done.length === 0) throw await noKeys(session, signal);
  return done;
}

async function noKeys({ opened: { store } }: StoreSession, signal: AbortSignal): Promise<HoldfastError> {
  const all = store.capabilities.putOnly ? [] : await listKeys(store, {}, signal);
  const servers = [...new Set(all.map(({ server }) => server))];
  return new HoldfastError('USAGE', 'there are no such keys, so nothing was done', {
    hint:
      servers.length === 0
        ? 'Run holdfast backup first.'
        : `Name the server whose keys are meant with --server: ${servers.slice(0, 10).join(', ')}.`,
  });
}

function statusOf(keys: readonly RotatedKey[]): number {
  if (keys.some(({ kept }) => kept > 0)) return errorCodes.STORE_DENIED.exit;
  return keys.some(({ action }) => action === 'left') ? errorCodes.IDENTITY_WRONG.exit : 0;
}

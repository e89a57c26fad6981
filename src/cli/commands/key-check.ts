/** `holdfast key check`: whether an identity opens the newest snapshot of each account. */

import type { Identity } from '../../core/encryption/identities.ts';
import { errorCodes, HoldfastError } from '../../core/errors.ts';
import { type CheckedAccount, checkKeys, type KeyResult } from '../../core/jobs/keys/check-keys.ts';
import { printable } from '../../core/printable.ts';
import { ownerNames } from '../../core/state/database-owners.ts';
import { rememberKept } from '../../core/state/kept-identities.ts';
import { ensurePrivateDirectory } from '../../core/state/state-files.ts';
import type { CliCommand, CliContext } from '../command.ts';
import { loadReadable } from '../configuration.ts';
import type { KeyCheckDocument } from '../documents/keys.ts';
import { plural } from '../format.ts';
import { defineKeyOptions, type KeyOptions } from '../key-input.ts';
import { identitiesFor, serversOf } from '../key-session.ts';
import { type StoreSession, withStore } from '../store-session.ts';

interface Options extends KeyOptions {
  readonly addin?: string;
  readonly copy?: string;
  readonly server?: string;
  readonly confirm?: true;
}

const columns = [
  { title: 'ACCOUNT' },
  { title: 'SNAPSHOT' },
  { title: 'EPOCH' },
  { title: 'RESULT' },
  { title: 'WHY', shrinks: true },
] as const;

/** The first that occurs decides. */
const failures: readonly (readonly [KeyResult, number])[] = [
  ['wrong-key', errorCodes.IDENTITY_WRONG.exit],
  ['no-key', errorCodes.OBJECT_MISSING.exit],
  ['damaged', errorCodes.OBJECT_DAMAGED.exit],
];

export const keyCheck: CliCommand<Options> = {
  exits: [
    'SNAPSHOT_NOT_FOUND',
    'OBJECT_DAMAGED',
    'OBJECT_MISSING',
    'IDENTITY_MISSING',
    'IDENTITY_WRONG',
    'STORE_UNAVAILABLE',
    'STORE_DENIED',
    'STORE_FOREIGN',
  ],

  define(command) {
    defineKeyOptions(command)
      .option('--addin <name>', 'addin configuration; may be left out where there is only one')
      .option('--copy <name>', 'look at this copy, not at the main store')
      .option('--server <uuid>', 'snapshots of another server (default: of this one, else of all)')
      .option('--confirm', 'record that this identity is kept, so that runs stop warning')
      .addHelpText(
        'after',
        '\nTries the manifest of each newest snapshot, every key that it refers to and the root of its index; data is\n' +
          'not read. Without --identity the one of the configuration is tried. Ends with 47 where the identity does not open a snapshot,\n' +
          'with 43 where a key object is gone; erased accounts are no failure. --confirm records nothing unless\n' +
          'snapshots were opened and none was not; where nothing is encrypted, or everything erased, it ends with 40. On a server whose credentials can only put it compares the public\n' +
          'key with the recipients, and opens nothing.',
      );
  },

  async run(context, { options }) {
    const { addin, copy, server, confirm, ...keys } = options;
    const { output } = context;
    const loaded = await loadReadable(context);
    return withStore(context, { loaded, addin, copy, needs: 'any' }, async (session) => {
      const identities = await identitiesFor(context, session, keys);
      const recipients = identities.map(({ recipient }) => recipient);
      if (session.opened.store.capabilities.putOnly) {
        return confirmUnseen(context, session, recipients, confirm === true);
      }
      const accounts = await checked(context, session, identities, server);
      const failed = failures.find(([of]) => accounts.some(({ result }) => result === of))?.[1] ?? 0;
      const kept = confirm === true && failed === 0 && accounts.some(({ result }) => result === 'opens');
      // Nothing was shown: every account is plain or erased.
      const nothingOpens = failed === 0 && !accounts.some(({ result }) => result === 'opens');
      const exitStatus = confirm === true && nothingOpens ? errorCodes.SNAPSHOT_NOT_FOUND.exit : failed;
      if (kept) await remember(context, session, recipients);
      const sites = session.state === null ? null : ownerNames(session.state);
      const siteOf = ({ site, owner }: CheckedAccount): string | null => site ?? sites?.get(owner) ?? null;
      output.table(
        columns,
        accounts.map((one) => [
          printable(siteOf(one) ?? one.owner),
          one.snapshot,
          one.epoch === null ? '-' : String(one.epoch),
          one.result,
          one.message ?? '',
        ]),
      );
      const open = accounts.filter(({ result }) => result === 'opens').length;
      output.info(`${plural(accounts.length, 'account')}, ${open} open with this identity`);
      if (kept) output.info(`recorded as kept: ${recipients.join(', ')}`);
      else if (confirm === true) {
        const why = nothingOpens ? 'nothing there is encrypted' : 'not everything opens with this identity';
        output.note(`not recorded as kept: ${why}`);
      }
      output.document<KeyCheckDocument>({
        addin: session.addin.name,
        recipients,
        confirmed: kept ? recipients : [],
        exitStatus,
        accounts: accounts.map(({ site: _, ...one }, i) => ({ ...one, account: siteOf(accounts[i]!) })),
      });
      return exitStatus;
    });
  },
};

/** @throws SNAPSHOT_NOT_FOUND there is nothing to try */
async function checked(
  { world, output, signal }: CliContext,
  session: StoreSession,
  identities: readonly Identity[],
  server: string | undefined,
): Promise<CheckedAccount[]> {
  const { store, provider } = session.opened;
  const request = { store, provider, identities, nowMs: world.now(), trust: session.trust, signal };
  const servers = serversOf(session, server);
  const accounts = await checkKeys({ ...request, servers });
  if (accounts.length > 0) return accounts;
  // A machine that backs nothing up here may have a state all the same.
  const all = server === undefined && servers !== null ? await checkKeys({ ...request, servers: null }) : [];
  if (all.length > 0) {
    output.note('note: this server has no snapshots in the store; those of all others were tried');
    return all;
  }
  const whose = server === undefined ? '' : ` of server ${server}`;
  throw new HoldfastError('SNAPSHOT_NOT_FOUND', `the store has no snapshots${whose}, so nothing was tried`, {
    hint: 'Run holdfast backup first, or name the store and the server that are meant.',
  });
}

/** Where nothing can be read: whether the identity belongs to a recipient. */
async function confirmUnseen(
  context: CliContext,
  session: StoreSession,
  recipients: readonly string[],
  confirm: boolean,
): Promise<number> {
  const { addin } = session;
  const { output } = context;
  if (!confirm) {
    throw new HoldfastError('STORE_DENIED', 'these credentials can read no snapshot, so none can be tried', {
      hint: 'Run it on a machine whose credentials can; --confirm compares the public key without it.',
    });
  }
  const wanted = addin.encryption === 'none' ? [] : addin.encryption.recipients;
  const known = recipients.filter((recipient) => wanted.includes(recipient));
  if (known.length === 0) {
    throw new HoldfastError('IDENTITY_WRONG', `the identity is that of no recipient of ${addin.name}`, {
      hint: 'Give the identity whose public key stands in "recipients".',
    });
  }
  await remember(context, session, known);
  output.info(`recorded as kept: ${known.join(', ')}`);
  output.note(
    'note: nothing was opened, since these credentials can only put; try it where snapshots can be read',
  );
  output.document<KeyCheckDocument>({
    addin: addin.name,
    recipients: [...recipients],
    confirmed: known,
    exitStatus: 0,
    accounts: [],
  });
  return 0;
}

async function remember(
  { world }: CliContext,
  { loaded }: StoreSession,
  recipients: readonly string[],
): Promise<void> {
  const { stateDir } = loaded.configuration;
  await ensurePrivateDirectory(stateDir);
  await rememberKept(stateDir, recipients, world.now());
}

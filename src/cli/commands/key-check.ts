/** `holdfast key check`: whether an identity opens the newest snapshot of each account. */

import { errorCodes } from '../../core/errors.ts';
import { type CheckedAccount, checkKeys, type KeyResult } from '../../core/jobs/keys/check-keys.ts';
import { printable } from '../../core/printable.ts';
import { rememberKept } from '../../core/state/kept-identities.ts';
import { ensurePrivateDirectory } from '../../core/state/state-files.ts';
import type { CliCommand } from '../command.ts';
import type { KeyCheckDocument } from '../documents/keys.ts';
import { plural } from '../format.ts';
import { defineKeyOptions, type KeyOptions } from '../key-input.ts';
import { identitiesFor, serversOf } from '../key-session.ts';
import { withStore } from '../store-session.ts';

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

export const keyCheck: CliCommand = {
  exits: [
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
        '\nTries the manifest of each newest snapshot and every key that it refers to; data is not read. Without\n' +
          '--identity the one of the configuration is tried. Ends with 47 where the identity does not open a snapshot,\n' +
          'with 43 where a key object is gone; erased accounts are no failure.',
      );
  },

  async run(context, { options }) {
    const { addin, copy, server, confirm, ...keys } = options as Options;
    const { world, output, signal } = context;
    return withStore(context, { addin, copy, needs: 'any' }, async (session) => {
      const identities = await identitiesFor(context, session, keys);
      const { store, provider } = session.opened;
      const servers = serversOf(session, server);
      const nowMs = world.now();
      const { trust } = session;
      const accounts = await checkKeys({ store, provider, identities, servers, nowMs, trust, signal });
      const exitStatus = failures.find(([of]) => accounts.some(({ result }) => result === of))?.[1] ?? 0;
      const recipients = identities.map(({ recipient }) => recipient);
      if (confirm === true) {
        const { stateDir } = session.loaded.configuration;
        await ensurePrivateDirectory(stateDir);
        await rememberKept(stateDir, recipients, world.now());
      }
      const sites = session.state?.sites();
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
      if (confirm === true) output.info(`recorded as kept: ${recipients.join(', ')}`);
      output.document<KeyCheckDocument>({
        addin: session.addin.name,
        recipients,
        confirmed: confirm === true ? recipients : [],
        exitStatus,
        accounts: accounts.map(({ site: _, ...one }, i) => ({ ...one, account: siteOf(accounts[i]!) })),
      });
      return exitStatus;
    });
  },
};

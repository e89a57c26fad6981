/** `holdfast key generate`: makes an identity, its file and its recovery sheet. */

import type { Configuration } from '../../core/config/load-configuration.ts';
import { identityFile, newIdentity } from '../../core/encryption/identity-file.ts';
import { type SheetContext, sheetOf } from '../../core/encryption/recovery-sheet.ts';
import { HoldfastError, isHoldfastError } from '../../core/errors.ts';
import { holdfastVersion } from '../../core/jobs/addin.ts';
import { companionHash } from '../../core/jobs/companions.ts';
import { printable, quoted } from '../../core/printable.ts';
import { openSigner } from '../../core/state/signing-key.ts';
import { bytesOf } from '../../core/streams.ts';
import type { CliCommand, CliContext } from '../command.ts';
import { type Loaded, loadConfigured, perStore } from '../configuration.ts';
import type { KeyGenerateDocument } from '../documents/keys.ts';
import { readKeyOptions, readPassphrase } from '../key-input.ts';
import { checkKeyPlaces } from '../key-place.ts';
import { openStateIfAny } from '../opened.ts';
import { refuseExisting, writePrivateFile } from '../private-file.ts';
import { placeOf } from '../store-presence.ts';

interface Options {
  readonly to?: string;
  readonly sheet?: string;
  readonly fromSheet?: string;
  readonly passphrase?: true;
  readonly passphraseFile?: string;
}

export const keyGenerate: CliCommand<Options> = {
  exits: ['TARGET_NOT_EMPTY', 'TARGET_UNWRITABLE'],

  define(command) {
    command
      .option('--to <file>', 'identity file to make, mode 0600; outside stores, the state and accounts')
      .option('--sheet <file>', 'file for the recovery sheet (default: standard output)')
      .option(
        '--from-sheet <file>',
        'make the identity file anew from a sheet that was typed back; - reads standard input',
      )
      .option('--passphrase', 'put the identity file under a passphrase, asked on the terminal')
      .option('--passphrase-file <file>', 'the same, from the first line of a file; - reads standard input')
      .addHelpText(
        'after',
        '\nMakes a key pair. The public half goes into "recipients" of the configuration. Without the private half, in\n' +
          'the identity file and on the sheet, nobody can read the backups: print the sheet, keep it elsewhere, and\n' +
          'prove that it was kept with holdfast key check --confirm; until then each run warns.',
      );
  },

  async run(context, { options }) {
    const { to, sheet, fromSheet, ...protection } = options;
    const { world, output } = context;
    if (output.json && sheet === undefined && fromSheet === undefined) {
      throw new HoldfastError('USAGE', 'the recovery sheet does not belong into JSON', {
        hint: 'Add --sheet FILE.',
      });
    }
    const loaded = await loadConfigured(context.configDir).catch((error: unknown) => {
      if (isHoldfastError(error)) return null;
      throw error;
    });
    const files = [to, sheet].filter((file) => file !== undefined);
    await checkKeyPlaces(context, files);
    for (const file of files) await refuseExisting(file);
    const passphrase = await passphraseOf(context, protection);
    const identity = fromSheet === undefined ? await newIdentity() : await fromPaper(context, fromSheet);
    const madeAt = new Date(world.now()).toISOString();
    const write = (path: string, text: string): Promise<number> =>
      writePrivateFile(path, bytesOf(Buffer.from(text)), world.newObjectId().slice(0, 12));
    if (to !== undefined) await write(to, await identityFile(identity, madeAt, passphrase));
    if (sheet !== undefined || fromSheet === undefined) {
      const text = sheetOf(identity, await sheetContext(context, loaded, madeAt));
      if (sheet !== undefined) await write(sheet, text);
      else output.raw(`${text}\n`);
    }
    const { recipient } = identity;
    output.line(`public key: ${recipient}`);
    if (to !== undefined) output.info(`identity file: ${quoted(to, 4096)}`);
    if (sheet !== undefined) output.info(`recovery sheet: ${quoted(sheet, 4096)}`);
    if (fromSheet === undefined) {
      output.info(`in the addin configuration: "encryption": { "recipients": ["${recipient}"] }`);
    }
    output.document<KeyGenerateDocument>({
      recipient,
      file: to ?? null,
      protected: to !== undefined && passphrase !== null,
      sheet: sheet ?? null,
    });
    return 0;
  },
};

async function passphraseOf(
  context: CliContext,
  { passphrase, passphraseFile }: Pick<Options, 'passphrase' | 'passphraseFile'>,
): Promise<string | null> {
  if (passphraseFile !== undefined) return readPassphrase(context, passphraseFile, 'Passphrase');
  if (passphrase !== true) return null;
  const first = await readPassphrase(context, undefined, 'Passphrase');
  const again = await readPassphrase(context, undefined, 'The same once more');
  if (first === again && first !== '') return first;
  const message = first === '' ? 'the passphrase is empty' : 'the two passphrases differ';
  throw new HoldfastError('USAGE', message, { hint: 'Run the command again; nothing was written.' });
}

async function fromPaper(context: CliContext, file: string) {
  const [identity] = await readKeyOptions(context, { identity: file });
  return identity!;
}

async function sheetContext(
  { world }: CliContext,
  loaded: Loaded | null,
  madeAt: string,
): Promise<SheetContext> {
  const rescue = { sha256: await companionHash('rescue.py'), release: holdfastVersion };
  if (loaded === null) return { madeAt, server: null, signer: null, rescue, stores: [] };
  const { configuration } = loaded;
  const state = await openStateIfAny(configuration, world);
  const stores = storesOf(configuration).map(({ name, place }) => {
    return { name, place: printable(place, 500), id: state?.storeId(name) ?? null };
  });
  const server = state?.server.uuid ?? null;
  const signer = server === null ? null : (await openSigner(configuration.stateDir, server)).publicKey;
  return { madeAt, server, signer, rescue, stores };
}

const storesOf = ({ addins }: Configuration): { readonly name: string; readonly place: string }[] =>
  addins.flatMap(perStore).map(({ name, store }) => ({ name, place: placeOf(store) }));

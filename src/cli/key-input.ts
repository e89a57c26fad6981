/**
 * Where identities and passphrases come from: a file, standard input or the terminal. Never the command line,
 * which every account on the machine can read.
 */

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { type Identity, readIdentities } from '../core/encryption/identities.ts';
import { HoldfastError } from '../core/errors.ts';
import { quoted } from '../core/printable.ts';
import { collect } from '../core/streams.ts';
import type { CliContext } from './command.ts';
import { askSecret } from './terminal.ts';

export interface KeyOptions {
  readonly identity?: string;
  readonly passphraseFile?: string;
}

const limitBytes = 64 * 1024;
const passphraseHint = 'Give --passphrase-file FILE, or - to read it from standard input.';

/** The options by which a command takes an identity. */
export function defineKeyOptions(command: Command): Command {
  return command
    .option(
      '--identity <file>',
      'identity file, also under a passphrase, or a recovery sheet typed back; - reads standard input, or asks on a terminal',
    )
    .option(
      '--passphrase-file <file>',
      'holds the passphrase; - reads standard input (default: ask on the terminal)',
    );
}

/**
 * What `--identity` names; none where it was left out.
 *
 * @throws USAGE standard input cannot be both
 * @throws SECRET_UNUSABLE, IDENTITY_WRONG, OBJECT_DAMAGED
 */
export async function readKeyOptions(
  context: CliContext,
  { identity, passphraseFile }: KeyOptions,
): Promise<readonly Identity[]> {
  if (identity === undefined) return [];
  if (identity === '-' && passphraseFile === '-') {
    throw new HoldfastError('USAGE', 'standard input cannot be the identity and its passphrase', {
      hint: 'Give one of them in a file.',
    });
  }
  const what = identity === '-' ? 'standard input' : `identity file ${quoted(identity, 4096)}`;
  const bytes = await identityBytes(context, identity, what);
  return readIdentities(bytes, what, () => readPassphrase(context, passphraseFile, `Passphrase of ${what}`));
}

async function identityBytes({ world, output }: CliContext, path: string, what: string): Promise<Buffer> {
  if (path !== '-') {
    const found = await stat(path).catch(() => null);
    if (found?.isFile() === true && (found.mode & 0o077) !== 0) {
      output.note(`warning: others can read ${what}; run chmod 0600 on it`);
    }
    return readSmall(createReadStream(path), what);
  }
  if (world.stdin().isTTY === true) {
    return Buffer.from(await askSecret('Identity (AGE-SECRET-KEY-1…):', 'Give --identity FILE.'));
  }
  return readSmall(world.stdin(), what);
}

/** The first line of what `--passphrase-file` names, or what is typed. @throws SECRET_UNUSABLE */
export async function readPassphrase(
  { world }: Pick<CliContext, 'world'>,
  file: string | undefined,
  message: string,
): Promise<string> {
  if (file === undefined) return askSecret(`${message}:`, passphraseHint);
  if (file === '-' && world.stdin().isTTY === true) return askSecret(`${message}:`, passphraseHint);
  const what = file === '-' ? 'standard input' : `passphrase file ${quoted(file, 4096)}`;
  const bytes = await readSmall(file === '-' ? world.stdin() : createReadStream(file), what);
  const [line = ''] = bytes.toString('utf8').split(/\r?\n/, 1);
  if (line !== '') return line;
  throw new HoldfastError('SECRET_UNUSABLE', `${what} holds no passphrase in its first line`, {
    hint: passphraseHint,
  });
}

async function readSmall(stream: AsyncIterable<Uint8Array>, what: string): Promise<Buffer> {
  try {
    return await collect(stream, limitBytes);
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code;
    const shown = why === 'OBJECT_DAMAGED' ? 'it is larger than 64 KiB' : String(why);
    throw new HoldfastError('SECRET_UNUSABLE', `cannot read ${what}: ${shown}`, {
      cause,
      hint: 'Name a file that can be read.',
    });
  }
}

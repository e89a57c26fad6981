/** `holdfast decrypt`: opens one encrypted file, whoever made it. */

import { HoldfastError } from '../../core/errors.ts';
import { quoted } from '../../core/printable.ts';
import { type CliCommand, collected } from '../command.ts';
import { type DecryptOptions, openEncrypted } from '../decrypt-input.ts';
import type { DecryptDocument } from '../documents/keys.ts';
import { bytesText } from '../format.ts';
import { defineKeyOptions } from '../key-input.ts';
import { outputLost } from '../lost-output.ts';
import { refuseExisting, writePrivateFile } from '../private-file.ts';

interface Options extends DecryptOptions {
  readonly out?: string;
}

export const decrypt: CliCommand<Options> = {
  shows: true,
  exits: [
    'OBJECT_DAMAGED',
    'IDENTITY_MISSING',
    'IDENTITY_WRONG',
    'NOT_ENCRYPTED',
    'TARGET_NOT_EMPTY',
    'TARGET_UNWRITABLE',
  ],

  define(command) {
    defineKeyOptions(command.argument('<file>', 'the encrypted file; - reads standard input'))
      .option(
        '--key <file>',
        'key object that the identity opens, for an object outside its store; may be repeated',
        collected,
      )
      .option('--out <file>', 'where the plain bytes go, mode 0600 (default: standard output)')
      .addHelpText(
        'after',
        '\nOpens objects of a store (with the identity of an administrator, and the key object of the account: found\n' +
          'by itself where the file lies in its store), files of age, armored ones too, and .enc files of Zotonic.\n' +
          'With --out the file appears when the last byte has proved authentic. On standard output every byte is\n' +
          'authentic, and the exit status says whether all have come. Of .enc files only the password can be checked.',
      );
  },

  async run(context, { args, options }) {
    const { out, ...keys } = options;
    const { world, output } = context;
    const file = args[0]!;
    if (out === undefined && (output.json || world.stdout.isTTY === true)) {
      throw new HoldfastError('USAGE', 'plain bytes do not belong on a terminal or into JSON', {
        hint: 'Add --out FILE, or redirect standard output.',
      });
    }
    // Before anybody types a passphrase.
    if (out !== undefined) await refuseExisting(out);
    const { kind, bytes } = await openEncrypted(context, file, keys);
    if (out === undefined) {
      for await (const piece of bytes) await written(world.stdout, piece);
      return 0;
    }
    const size = await writePrivateFile(out, bytes, world.newObjectId().slice(0, 12));
    output.info(`${quoted(out, 4096)}: ${bytesText(size)}`);
    output.document<DecryptDocument>({ out, kind, bytes: size });
    return 0;
  },
};

function written(stream: NodeJS.WritableStream, piece: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(piece, (error) => {
      if (error) reject(outputLost(error));
      else resolve();
    });
  });
}

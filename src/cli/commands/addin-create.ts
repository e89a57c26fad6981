/** `holdfast addin create`: a package in which the author of an addin begins. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Option } from 'commander';
import { HoldfastError } from '../../core/errors.ts';
import { printable, quoted } from '../../core/printable.ts';
import { packRunning, readSdk } from '../addin-create/sdk.ts';
import { addinKinds, type CreatedKind, requireFree, writePackage } from '../addin-create/write-package.ts';
import { allAddins } from '../builtin-addins.ts';
import type { CliCommand } from '../command.ts';
import type { AddinCreatedDocument } from '../documents/addin-created.ts';

const help = `
Writes a package in TypeScript that works as it is, with a test that runs the checks which addin verify runs, a
README and a workflow for CI; then: npm install && npm test. Overwrites nothing. Choose a licence yourself.`;

/** As the schema of manifests says. */
const namePattern = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const longestName = 50;

interface Options {
  readonly kind?: CreatedKind;
  readonly to?: string;
  readonly sdk?: string;
}

export const addinCreate: CliCommand<Options> = {
  exits: ['TARGET_NOT_EMPTY', 'TARGET_UNWRITABLE', 'PREREQUISITE_MISSING'],

  define(command) {
    command
      .argument('<name>', 'what "use" will say, e.g. webdav')
      .addOption(new Option('--kind <kind>', 'what it contributes; needed').choices([...addinKinds]))
      .option('--to <dir>', 'where to write the package (default: holdfast-<name> here)')
      .option('--sdk <file>', 'packed holdfast to develop with (default: a pack of the running one)')
      .addHelpText('after', help);
  },

  async run({ output, signal }, { args, options }) {
    const name = args[0]!;
    const { kind, to, sdk: named } = options;
    if (kind === undefined) {
      const kinds = new Intl.ListFormat('en-GB', { type: 'disjunction' }).format(addinKinds);
      throw new HoldfastError('USAGE', 'it is not said what the addin contributes', {
        hint: `Add --kind, one of ${kinds}.`,
      });
    }
    await checkName(name, kind);
    const target = resolve(to ?? `holdfast-${name}`);
    await requireFree(target);
    const scratch = await mkdtemp(join(tmpdir(), 'holdfast-sdk-'));
    try {
      const sdk = named === undefined ? await packRunning(scratch, signal) : await readSdk(named);
      const files = await writePackage({ kind, name, target }, sdk);
      output.info(`wrote the ${kind} ${name} to ${printable(target, 4096)}: ${files.length} files`);
      output.info('next: npm install && npm test in it');
      const created = { kind, name, package: `holdfast-${name}`, directory: target };
      output.document<AddinCreatedDocument>({ ...created, sdk: sdk.version, files: [...files] });
      return 0;
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  },
};

/** @throws USAGE */
async function checkName(name: string, kind: CreatedKind): Promise<void> {
  if (!namePattern.test(name) || name.length > longestName) {
    throw new HoldfastError('USAGE', `${quoted(name)} is no name for an addin`, {
      hint: `Use lower-case letters, digits and single dashes, ${longestName} characters at most, e.g. my-store.`,
    });
  }
  const taken = (await allAddins()).some((one) => one.kind === kind && one.name === name);
  if (!taken) return;
  throw new HoldfastError('USAGE', `holdfast itself has a ${kind} ${name}`, { hint: 'Choose another name.' });
}

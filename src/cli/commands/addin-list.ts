/** `holdfast addin list`: what is installed, what of it is refused and why, and what is configured. */

import { printable } from '../../core/printable.ts';
import { readVerifications } from '../../core/state/verifications.ts';
import { listedAddins } from '../addin-rows.ts';
import { allAddins } from '../builtin-addins.ts';
import type { CliCommand } from '../command.ts';
import { placeOf } from '../config-place.ts';
import { checkConfigured } from '../configuration.ts';
import type { AddinsDocument } from '../documents/addins.ts';
import type { Output } from '../output.ts';
import type { Column } from '../table.ts';

export const addinList: CliCommand = {
  shows: true,
  exits: [],

  define(command) {
    command.addHelpText(
      'after',
      '\nRuns nothing of any package. What is refused, and an invalid configuration, is told on stderr and\nhides no other addin. holdfast doctor ends with an error where a package is refused.',
    );
  },

  async run({ configDir, output }) {
    const { configuration, problems, packages } = await checkConfigured(configDir);
    const kept =
      configuration === null ? [] : await readVerifications(configuration.stateDir).catch(() => []);
    const addins = listedAddins(await allAddins(), packages, kept);
    const configurations = (configuration?.addins ?? []).map(
      ({ name, file, provider, store, encryption }) => {
        return { name, file, provider: provider.use, store: store.use, encrypted: encryption !== 'none' };
      },
    );
    printAddins(addins, output);
    if (configurations.length > 0) {
      output.line();
      output.table(
        [
          { title: 'CONFIGURATION' },
          { title: 'PROVIDER' },
          { title: 'STORE' },
          { title: 'ENCRYPTED' },
          { title: 'FILE', shrinks: true },
        ],
        configurations.map((one) => [
          one.name,
          one.provider,
          one.store,
          one.encrypted ? 'yes' : 'no',
          one.file,
        ]),
      );
    }
    for (const { file, pointer, message } of problems)
      output.note(`note: ${placeOf(file, pointer)}: ${message}`);
    output.document<AddinsDocument>({
      addins,
      configurations,
      problems: problems.map((one) => ({ ...one })),
    });
    return 0;
  },
};

type Listed = AddinsDocument['addins'][number];

type Shown = readonly [column: Column, cell: (one: Listed) => string];

const ofPackages: readonly Shown[] = [
  [{ title: 'STATE' }, ({ state }) => state],
  [{ title: 'FROM', shrinks: true }, ({ from }) => from ?? 'Holdfast'],
  [{ title: 'ASKS FOR', shrinks: true }, ({ permissions }) => askedOf(permissions)],
];

function printAddins(addins: readonly Listed[], output: Output): void {
  // Where nothing but ours is installed, these say nothing.
  const packaged = addins.some(({ from }) => from !== null);
  const columns: readonly Shown[] = [
    [{ title: 'KIND' }, ({ kind }) => kind ?? '-'],
    [{ title: 'NAME' }, ({ name }) => name ?? '-'],
    [{ title: 'VERSION' }, ({ version }) => version ?? '-'],
    [{ title: 'CONTRACT', align: 'right' }, ({ contract }) => String(contract ?? '-')],
    [{ title: 'VERIFIED' }, ({ verification }) => verifiedOf(verification)],
    ...(packaged ? ofPackages : []),
    [{ title: 'WHAT IT DOES', shrinks: true }, ({ summary }) => summary ?? ''],
  ];
  output.table(
    columns.map(([column]) => column),
    addins.map((one) => columns.map(([, cell]) => cell(one))),
  );
  for (const { from, name, message, hint } of addins) {
    if (message === null) continue;
    output.note(`note: ${printable(name ?? from ?? '', 300)} is refused: ${printable(message, 1000)}`);
    output.note(`hint: ${printable(hint ?? '', 1000)}`);
  }
}

function verifiedOf(verification: Listed['verification']): string {
  if (verification === null) return '-';
  const { at, sound, current } = verification;
  return `${at.slice(0, 10)} ${sound ? 'sound' : 'UNSOUND'}${current ? '' : ', another version'}`;
}

function askedOf(permissions: Listed['permissions']): string {
  if (permissions === null) return '';
  const { network, programs, paths } = permissions;
  const reach = network === true ? ['network'] : network === false ? [] : network;
  const all = [...reach, ...programs, ...paths];
  return all.length === 0 ? 'nothing' : all.join(', ');
}

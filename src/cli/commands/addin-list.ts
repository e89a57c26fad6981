/** `holdfast addin list`: what is installed, and what is configured. */

import { allAddins } from '../builtin-addins.ts';
import type { CliCommand } from '../command.ts';
import { placeOf } from '../config-place.ts';
import { checkConfigured } from '../configuration.ts';
import type { AddinsDocument } from '../documents/addins.ts';

export const addinList: CliCommand = {
  exits: [],

  define(command) {
    command.addHelpText(
      'after',
      '\nAn invalid configuration is told on stderr and hides no installed addin.',
    );
  },

  async run({ configDir, output }) {
    const addins = (await allAddins())
      .map((definition) => {
        const { kind, name, version, contract, settingsSchema } = definition;
        const { description } = settingsSchema;
        const summary = typeof description === 'string' ? description : null;
        const levels = definition.kind === 'provider' ? [...definition.capabilities.levels] : [];
        return { kind, name, version, contract, summary, levels };
      })
      .sort((a, b) => (`${a.kind} ${a.name}` < `${b.kind} ${b.name}` ? -1 : 1));
    const { configuration, problems } = await checkConfigured(configDir);
    const configurations = (configuration?.addins ?? []).map(
      ({ name, file, provider, store, encryption }) => {
        return { name, file, provider: provider.use, store: store.use, encrypted: encryption !== 'none' };
      },
    );
    output.table(
      [{ title: 'KIND' }, { title: 'NAME' }, { title: 'VERSION' }, { title: 'WHAT IT DOES', shrinks: true }],
      addins.map(({ kind, name, version, summary }) => [kind, name, version, summary ?? '']),
    );
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

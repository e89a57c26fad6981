/** `holdfast addin validate`: one addin configuration, wherever it lies. */

import { readAddinConfiguration } from '../../core/config/load-configuration.ts';
import { errorCodes } from '../../core/errors.ts';
import { printable } from '../../core/printable.ts';
import type { ConfigProblem } from '../../core/settings/problems.ts';
import { addinPackages } from '../addin-packages.ts';
import { allAddins } from '../builtin-addins.ts';
import type { CliCommand } from '../command.ts';
import { placeOf } from '../config-place.ts';
import type { ValidationDocument } from '../documents/addins.ts';

export const addinValidate: CliCommand = {
  exits: [],

  define(command) {
    command
      .argument('<file>', 'an addin configuration, e.g. addin.example.json')
      .addHelpText('after', '\nReads no secret and opens no store.');
  },

  async run({ output, configDir }, { args }) {
    const file = args[0]!;
    const problems: ConfigProblem[] = [];
    const { definitions, refused } = await addinPackages(configDir);
    const installed = { definitions: [...(await allAddins()), ...definitions], refused };
    const found = await readAddinConfiguration(file, installed, problems);
    for (const { pointer, message, hint } of problems) {
      output.note(`holdfast: ${placeOf(file, pointer)}: ${message}`);
      output.note(`hint: ${hint}`);
    }
    const valid = found !== null && problems.length === 0;
    if (valid) output.info(`${printable(file, 4096)} is valid`);
    output.document<ValidationDocument>({
      file,
      valid,
      name: valid ? found.name : null,
      problems: problems.map((one) => ({ ...one })),
    });
    return valid ? 0 : errorCodes.CONFIG_INVALID.exit;
  },
};

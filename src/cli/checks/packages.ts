/** The addin packages that the configuration lists. */

import type { AddinModule } from '../../core/packages/addin-module.ts';
import { printable } from '../../core/printable.ts';
import { knownAddinNumber } from '../../core/state/addin-users.ts';
import type { AddinPackages } from '../addin-packages.ts';
import { type Check, fault, ok } from './check.ts';

/**
 * One that is refused is an error even where nothing uses it: somebody listed it because it was wanted.
 *
 * @param stateDir null: not known, since the configuration is not valid
 */
export async function checkPackages(
  { modules, refused }: AddinPackages,
  stateDir: string | null,
): Promise<readonly Check[]> {
  const whom = async ({ kind, name }: AddinModule): Promise<string> => {
    if (kind !== 'store' && kind !== 'notifier') return ', runs as Holdfast does';
    if (stateDir === null || process.getuid?.() !== 0) return '';
    const number = await knownAddinNumber(stateDir, `${kind} ${name}`);
    return number === null
      ? ', gets a uid of its own when it is first used'
      : `, runs as uid ${number} alone`;
  };
  return [
    ...(await Promise.all(
      modules.map(async (module) => {
        const { kind, name, version, root } = module;
        const detail = `${kind}, version ${version}, in ${printable(root, 4096)}${await whom(module)}`;
        return ok(`addin ${name}`, detail);
      }),
    )),
    ...refused.map(({ source, name, message, hint }) =>
      fault(
        printable(`addin ${name ?? source}`, 100),
        'ADDIN_REFUSED',
        `refused: ${printable(message, 1000)}`,
        printable(hint, 1000),
      ),
    ),
  ];
}

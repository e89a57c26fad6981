/** One setting, kept in a JSON file: written beside and renamed, so that it is always whole. */

import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { HoldfastError, type Scope, type ScopeValue } from 'holdfast';

export interface ScopeSettings {
  readonly path: string;
}

const name = '{{name}}.quiet-hours';
const legal: readonly ScopeValue[] = ['none', 'night', 'office-hours'];

export function openScopes({ path }: ScopeSettings): readonly Scope[] {
  const get = async (): Promise<ScopeValue> => {
    try {
      const value = (JSON.parse(await readFile(path, 'utf8')) as { quietHours: ScopeValue }).quietHours;
      if (legal.includes(value)) return value;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return 'none';
    }
    throw new HoldfastError('CONFIG_INVALID', `${path} does not hold a setting of this addin`, {
      hint: 'Mend the file or remove it.',
    });
  };

  const set = async (value: ScopeValue): Promise<void> => {
    if (!legal.includes(value)) {
      throw new HoldfastError('CONFIG_INVALID', `${name} takes one of ${legal.join(', ')}`, {
        hint: `Set it to one of ${legal.join(', ')}.`,
      });
    }
    if ((await get()) === value) return;
    const temporary = `${path}.${process.pid}.tmp`;
    try {
      await writeFile(temporary, JSON.stringify({ quietHours: value }), { mode: 0o600, flush: true });
      await rename(temporary, path);
    } finally {
      await rm(temporary, { force: true });
    }
  };

  const help = 'When no backup may begin: never held back, at night, or in office hours.';
  return [{ name, help, values: legal, default: 'none', get, set }];
}

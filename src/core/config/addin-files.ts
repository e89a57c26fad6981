/** The files of `addins.d`. */

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConfigProblem } from '../settings/problems.ts';

/** Paths in order of names; none where there is no such directory. */
export async function addinFiles(home: string, problems: ConfigProblem[]): Promise<string[]> {
  const dir = join(home, 'addins.d');
  try {
    const names = await readdir(dir);
    return names
      .filter((name) => name.endsWith('.json') && !name.startsWith('.'))
      .sort()
      .map((name) => join(dir, name));
  } catch (cause) {
    const code = String((cause as NodeJS.ErrnoException).code);
    // A file in the place of the whole configuration is told of once, with config.json.
    const isFile = code === 'ENOTDIR' && (await stat(home).catch(() => null))?.isDirectory() !== true;
    if (code !== 'ENOENT' && !isFile) {
      problems.push({
        file: dir,
        pointer: '',
        message: `cannot be read: ${code}`,
        hint: 'Let Holdfast read it.',
      });
    }
    return [];
  }
}

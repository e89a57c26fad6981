/**
 * The configuration as rclone is given it: in a place where rclone can write.
 *
 * Of some remotes it notes what it has found out, the shell of an SSH server say, and tries for six seconds, three
 * times, where it cannot. A process of its own reads a copy that it may not change, so it gets another, in memory.
 */

import { accessSync, chmodSync, constants, copyFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** `config` itself where rclone can write there, or where there is no directory for a copy (`XDG_RUNTIME_DIR`). */
export function writableConfig(config: string, env: NodeJS.ProcessEnv): string {
  const directory = env['XDG_RUNTIME_DIR'];
  if (config === '' || directory === undefined || canReplace(config)) return config;
  const copy = join(directory, 'rclone.conf');
  try {
    copyFileSync(config, copy);
    chmodSync(copy, 0o600);
    return copy;
  } catch {
    return config;
  }
}

function canReplace(path: string): boolean {
  try {
    accessSync(dirname(path), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Test files share their processes: each begins with the environment and the mask for new files of the first one, and
 * with little memory that is no longer used, since starting programs takes the longer the more there is.
 */

import { afterAll } from 'vitest';
import { MemoryKeeper } from '../../src/core/jobs/backup/memory-keeper.ts';
import { endOwnThreads } from './backup.ts';

interface Begun {
  readonly env: NodeJS.ProcessEnv;
  readonly mask: number;
  readonly memory: MemoryKeeper;
}

const key = Symbol.for('holdfast.test.as-begun');
const world = globalThis as { [key]?: Begun };

world[key] ??= { env: { ...process.env }, mask: process.umask(), memory: new MemoryKeeper(true) };
const { env, mask, memory } = world[key];
process.umask(mask);
for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
Object.assign(process.env, env);
memory.look(performance.now());

afterAll(endOwnThreads);

/** restic with its defaults, which encrypt. Its repository is made outside the timing. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, run } from '../measure.ts';
import { pathsOf } from '../medium-tree.ts';
import { bucketOf, inBuckets, keysOf, type Service } from '../service.ts';
import type { Contestant } from './contestant.ts';

const repository = (place: string): string => join(place, 'repository');

/** In a directory, or with a service in a bucket. */
export function restic(service?: Service): Contestant {
  const env = (place: string) => ({
    ...(service === undefined ? {} : keysOf(service)),
    RESTIC_REPOSITORY:
      service === undefined ? repository(place) : `s3:${service.endpoint}/${bucketOf(place)}`,
    RESTIC_CACHE_DIR: join(place, 'cache'),
    RESTIC_PASSWORD: 'not-a-secret',
  });
  const at = (place: string, ...rest: string[]): Command => ({
    stages: [['restic', '--quiet', ...rest]],
    env: env(place),
  });
  return {
    name: 'restic',
    version: run(['restic', 'version']).trim(),
    settings: 'restic backup, restic restore: defaults (encrypted, compression auto)',
    prepare: (_tree, place) => {
      mkdirSync(join(place, 'cache'));
      run(['restic', '--quiet', 'init'], { env: env(place) });
    },
    backup: (tree, place) => [{ ...at(place, 'backup', ...pathsOf(tree)), cwd: tree.root }],
    restore: (_tree, place, target) => [at(place, 'restore', 'latest', '--target', target)],
    restorePath: (_tree, place, target, path) => [
      at(place, 'restore', 'latest', '--target', target, '--include', `/${path}`),
    ],
    repository,
    ...(service === undefined ? {} : { elsewhere: inBuckets(service) }),
    restored: (_tree, target, path) => join(target, path),
  };
}

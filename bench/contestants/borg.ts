/** borg without encryption, zstd level 3. Its repository is made outside the timing. */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../measure.ts';
import { pathsOf } from '../medium-tree.ts';
import type { Contestant } from './contestant.ts';

const repository = (place: string): string => join(place, 'repository');
const archive = (place: string): string => `${repository(place)}::all`;

export function borg(): Contestant {
  const env = (place: string) => ({
    BORG_BASE_DIR: join(place, 'base'),
    BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: 'yes',
  });
  const extract = (place: string, target: string, ...paths: string[]) => [
    {
      stages: [['borg', 'extract', '--numeric-ids', archive(place), ...paths]],
      cwd: target,
      env: env(place),
    },
  ];
  return {
    name: 'borg',
    version: run(['borg', '--version']).trim(),
    settings: 'borg init -e none; borg create -C zstd,3',
    prepare: (_tree, place) => {
      mkdirSync(join(place, 'base'));
      run(['borg', 'init', '-e', 'none', repository(place)], { env: env(place) });
    },
    backup: (tree, place) => [
      {
        stages: [['borg', 'create', '-C', 'zstd,3', archive(place), ...pathsOf(tree)]],
        cwd: tree.root,
        env: env(place),
      },
    ],
    restore: (_tree, place, target) => extract(place, target),
    restorePath: (_tree, place, target, path) => extract(place, target, path),
    repository,
    restored: (_tree, target, path) => join(target, path),
  };
}

/** GNU tar into zstd, with everything tar can keep. */

import { join } from 'node:path';
import { run } from '../measure.ts';
import { pathsOf } from '../medium-tree.ts';
import type { Contestant } from './contestant.ts';

const keepAll = ['--xattrs', '--acls', '--xattrs-include=*'];
const archive = (place: string): string => join(place, 'all.tar.zst');

export function tar(): Contestant {
  const extract = (place: string, target: string, ...members: string[]) => [
    {
      stages: [
        ['zstd', '-dcq', archive(place)],
        ['tar', ...keepAll, '--numeric-owner', '-xpf', '-', '-C', target, ...members],
      ],
    },
  ];
  return {
    name: 'tar',
    version: `${firstLine('tar')}, ${firstLine('zstd')}`,
    settings: `tar ${keepAll.join(' ')} -c | zstd -3 -T0`,
    prepare: () => {},
    backup: (tree, place) => [
      {
        stages: [
          ['tar', ...keepAll, '-cf', '-', '-C', tree.root, ...pathsOf(tree)],
          ['zstd', '-3', '-T0', '-cq'],
        ],
        output: archive(place),
      },
    ],
    restore: (_tree, place, target) => extract(place, target),
    restorePath: (_tree, place, target, path) => extract(place, target, path),
    repository: archive,
    restored: (_tree, target, path) => join(target, path),
  };
}

const firstLine = (program: string): string => run([program, '--version']).split('\n', 1)[0]!;

/** rclone, which only carries a tar that is finished already: the least that the way to the bucket takes. */

import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { measure, run } from '../measure.ts';
import { bucketOf, inBuckets, makeBucket, type Service } from '../service.ts';
import type { Contestant } from './contestant.ts';
import { tar } from './tar.ts';

const file = (place: string): string => join(place, 'all.tar.zst');

export function rclone(service: Service): Contestant {
  const packer = tar();
  const env = service.rclone;
  let packed: string | null = null;
  const copy = (from: string, to: string) => [{ stages: [['rclone', 'copyto', from, to]], env }];
  const remote = (place: string): string => `s3:${bucketOf(place)}/all.tar.zst`;
  const fetch = (place: string, target: string) => copy(remote(place), join(target, 'all.tar.zst'));
  return {
    name: 'rclone',
    version: run(['rclone', 'version']).split('\n', 1)[0]!,
    settings: `rclone copyto of the finished output of ${packer.settings}`,
    knowsFiles: false,
    prepare(tree, place) {
      makeBucket(service, bucketOf(place));
      if (packed === null) measure(packer.backup(tree, place), { sync: false });
      else renameSync(packed, file(place));
      packed = `${place}.tar.zst`;
      renameSync(file(place), packed);
    },
    backup: (_tree, place) => copy(`${place}.tar.zst`, remote(place)),
    restore: (_tree, place, target) => fetch(place, target),
    restorePath: (_tree, place, target) => fetch(place, target),
    repository: () => '',
    elsewhere: inBuckets(service),
    restored: (_tree, target) => join(target, 'all.tar.zst'),
  };
}

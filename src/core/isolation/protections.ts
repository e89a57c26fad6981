/** What a process finds of its own protections, for `doctor`: asked of the kernel, not of those who set them up. */

import { readFileSync, readlinkSync } from 'node:fs';

export interface Protections {
  readonly uid: number;
  readonly groups: readonly number[];
  readonly noNewPrivileges: boolean;
  readonly capabilities: boolean;
  /** Names of its namespaces as the kernel has them. */
  readonly mounts: string;
  readonly network: string;
  /** Bytes of writable memory; null: no limit. */
  readonly memoryBytes: number | null;
}

export function protectionsHere(): Protections {
  const status = readFileSync('/proc/self/status', 'utf8');
  const of = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1]?.trim() ?? '';
  const limit = /^Max data size\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return {
    uid: Number(of('Uid').split(/\s/)[0]),
    groups: of('Groups').split(' ').filter(Boolean).map(Number),
    noNewPrivileges: of('NoNewPrivs') === '1',
    capabilities: ['CapEff', 'CapPrm', 'CapBnd'].some((name) => !/^0*$/.test(of(name))),
    mounts: readlinkSync('/proc/self/ns/mnt'),
    network: readlinkSync('/proc/self/ns/net'),
    memoryBytes: limit === undefined || limit === 'unlimited' ? null : Number(limit),
  };
}

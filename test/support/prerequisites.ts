/**
 * What the tests need of the machine, checked once before any of them: root with CAP_SYS_ADMIN (owners,
 * `trusted.*` attributes, device nodes, mounts), loop devices (images of ext4, XFS and btrfs) and FUSE (file systems that do not answer).
 *
 * A missing one fails the run. Skipping would pass a build whose fidelity nobody looked at.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const capSysAdmin = 21n;

export default function checkPrerequisites(): void {
  const missing = [...missingPrivileges(), ...missingDevices()];
  if (missing.length > 0) {
    throw new Error(`this machine cannot run the tests:\n  - ${missing.join('\n  - ')}`);
  }
}

function missingPrivileges(): string[] {
  if (process.getuid?.() !== 0) return ['not root: run as root'];
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  if (((BigInt(`0x${effective ?? '0'}`) >> capSysAdmin) & 1n) === 1n) return [];
  return ['no CAP_SYS_ADMIN: in a container, run it privileged'];
}

function missingDevices(): string[] {
  if (!existsSync('/dev/loop-control')) return ['no loop devices: run modprobe loop'];
  const free = spawnSync('losetup', ['--find'], { encoding: 'utf8' });
  const loops =
    free.status === 0 ? [] : [`no free loop device: ${free.error?.message ?? free.stderr.trim()}`];
  return existsSync('/dev/fuse') ? loops : [...loops, 'no /dev/fuse: run modprobe fuse'];
}
